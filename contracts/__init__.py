"""The ground of Scoregate: words, errors, versioned data contracts and the engine that compiles them."""
