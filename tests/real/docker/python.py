#!/usr/bin/env python3
"""Gives a daemon an image with busybox and the Python of this machine.

    python.py SOCKET IMAGE BASE

Nothing is fetched: the interpreter, the libraries that it needs and its standard library, as one archive, are put on top of the image BASE,
which the daemon has.
"""

import http.client
import io
import json
import socket
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import urlencode

# What no program needs here, and is most of it.
LEFT_OUT = {"test", "idlelib", "lib2to3", "site-packages", "dist-packages", "tkinter", "turtledemo", "ensurepip", "__pycache__"}


class Connection(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: str):
        super().__init__("daemon")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def libraries(program: Path):
    """The files that the loader needs to start a program."""
    told = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Path(word) for line in told.splitlines() for word in line.split() if word.startswith("/")]


def standard_library() -> bytes:
    """All of it that is Python, as one file from which the interpreter imports."""
    folder = Path(sysconfig.get_path("stdlib"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*.py")):
            if not LEFT_OUT.intersection(path.relative_to(folder).parts):
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def context(base: str) -> bytes:
    """What the image is built from."""
    program = Path(sys.executable).resolve()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def put(name: str, content: bytes, mode: int = 0o644):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))

        put("Dockerfile", f"FROM {base}\nCOPY files /\n".encode())
        put("files/usr/bin/python3", program.read_bytes(), 0o755)
        put(f"files/usr/lib/python{version.replace('.', '')}.zip", standard_library())
        # By these the interpreter knows where its library is.
        put(f"files/usr/lib/python{version}/os.py", (Path(sysconfig.get_path("stdlib")) / "os.py").read_bytes())
        put(f"files/usr/lib/python{version}/lib-dynload/nothing", b"")
        for library in libraries(program):
            put(f"files{library}", library.read_bytes(), 0o755)
    return packed.getvalue()


def main(path: str, image: str, base: str):
    connection = Connection(path)
    query = urlencode({"t": image, "networkmode": "none"})
    connection.request("POST", f"/build?{query}", context(base), {"content-type": "application/x-tar"})
    told = connection.getresponse().read().decode()
    if any("error" in json.loads(line) for line in told.splitlines() if line.strip()):
        sys.exit(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
