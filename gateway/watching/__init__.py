"""How a running gateway is seen from outside: counts and times, log lines, its health, and traces.

``tally.py`` counts on the hot path, ``catalog.py`` names every metric, ``totals.py`` joins the counts of all processes,
``exposition.py`` writes them for Prometheus, ``events.py`` makes log lines, ``scribe.py`` brings them out, ``pulse.py``
says whether a decision can be made durable. ``Lookout`` is the one thing the rest of the gateway is handed. Nothing
here ever holds a value of an application.
"""
