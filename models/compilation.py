"""How kernels are compiled, and where the compiled code is kept.

numba compiles a kernel when it is first called (about ten seconds in all) and keeps the result in ``NUMBA_CACHE_DIR``,
so that later processes load it in a quarter of a second. numba notices a change in a kernel's own file, but not one in
a kernel that it calls from another file: the folder is therefore named after the content of all of them.
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
    import numba

    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def direct(function: _Function, *arguments: Any) -> _Function:
    """The machine code of a compiled function for arguments of these very types; calls it once to have it compiled.

    For one record, finding out the types of a model's thirty arrays takes as long as scoring with them. Arguments of
    other types raise TypeError.
    """
    import numba

    function(*arguments)
    entry = cast(Any, function).get_overload(tuple(map(cast(Any, numba).typeof, arguments)))
    return cast(_Function, entry)


def cache_folder(root: Path) -> Path:
    """Where to point ``NUMBA_CACHE_DIR``, below a writable ``root``, before anything imports numba.

    The name holds the digest of the scoring core's source, so a new version never runs an old one's kernels. Serving
    from a read-only installation needs it set; several processes may share it.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    return root / f"kernels-{content.hexdigest()[:16]}"
