"""Runs code of the page."""

import re
import shutil
import sys
from pathlib import Path

import anyio

from tests.clients.node import run_tool
from tests.servers import SECONDS

TSCONFIG = Path(__file__).parents[2] / "clients" / "typescript" / "tsconfig.json"


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def output_of(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command, which must end well; return what it prints."""
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process([str(part) for part in command], check=False, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()


async def run_python(text: str, folder: Path) -> str:
    """Run a program in *folder*; return what it prints."""
    (folder / "program.py").write_text(text)
    return await output_of(sys.executable, "-I", folder / "program.py")


async def run_typescript(text: str, folder: Path) -> str:
    """Compile a program in *folder*, strictly, and run it; return what it prints."""
    (folder / "program.ts").write_text(f"export {{}};\n{text}")
    shutil.copy(TSCONFIG, folder)
    await anyio.to_thread.run_sync(lambda: run_tool("tsc", "--project", ".", "--noEmit", "false", cwd=folder))
    (folder / "package.json").write_text('{"type": "module"}')
    return await output_of("node", "program.js", cwd=folder)
