"""How kernels are compiled, and where the compiled code is kept.

numba compiles a kernel when it is first called (some seconds in all) and keeps the result in ``NUMBA_CACHE_DIR``, so
that later processes load it in a quarter of a second. Who starts without that result waits for it, so kernels are
written to compile fast: an array is better made by who calls than in a kernel, a constant must not stand where a
variable comes later (numba compiles what is called with it once for each), and only ``compiled`` functions, of which
there are few, have a way in from Python. numba notices a change in a kernel's own file, but not one in
a kernel that it calls from another file: the folder is therefore named after the content of all of them, and where
none is named, nothing is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function as machine code: IEEE arithmetic in the order written, no fastmath, no parallel loops, no lock held.

    A division by zero gives an infinity or NaN, as in numpy.
    """
    return _compiled(function, nogil=True)


def part(function: _Function) -> _Function:
    """The same for what only compiled functions call. Python must not: there is no way in, which takes as long to
    compile as the function itself where a model's dozen arrays pass through it.
    """
    return _compiled(function, no_cpython_wrapper=True)


def _compiled(function: _Function, **further: bool) -> _Function:
    import numba

    compiler: Any = numba.njit
    keep = bool(cast(Any, numba).config.CACHE_DIR)
    return cast(_Function, compiler(cache=keep, error_model="numpy", no_cfunc_wrapper=True, **further)(function))


def direct(function: _Function) -> _Function:
    """A compiled function for arguments of the same types every time: they are found out at the first call.

    For one record, finding out the types of a model's thirty arrays takes as long as scoring with them. Later arguments
    must be of the very types of the first ones, arrays in the same order of memory.
    """
    import numba

    entry: Any = None

    def call(*arguments: Any) -> Any:
        nonlocal entry
        if entry is None:
            entry = cast(Any, function).compile(tuple(map(cast(Any, numba).typeof, arguments)))
        return entry(*arguments)

    return cast(_Function, call)


def cache_folder(root: Path) -> Path:
    """Where to point ``NUMBA_CACHE_DIR``, below a writable ``root``, before anything imports numba.

    The name holds the digest of the scoring core's source, so a new version never runs an old one's kernels. Serving
    from a read-only installation needs it set; several processes may share it.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    return root / f"kernels-{content.hexdigest()[:16]}"
