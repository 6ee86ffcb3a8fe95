"""Which account the embedded servers run as, and which folders it can reach.

PostgreSQL refuses to run as root, so root hands both servers to an unprivileged account. No account is ever
created and no permission of a folder that is not ours is ever changed: what the account cannot reach is
kept elsewhere, under :data:`SHARED_HOME`.
"""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from core.service_errors import ServiceError

#: Where root keeps what its unprivileged account cannot reach in the checkout itself.
SHARED_HOME = Path("/var/lib/tandem-dev")

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    """A system account other than the one that this process runs as."""

    uid: int
    gid: int
    name: str


def account_for(data: Path) -> Account | None:
    """Return the account that must run the server of *data*, or None where it is the present one.

    Existing data decide, because PostgreSQL insists on being run by their owner; new data go to ``nobody``.

    Raises:
        ServiceError: the data belong to somebody else, or this system has no unprivileged account.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise ServiceError(
                f"{data} belongs to {_name_of(owner)}, not to {_name_of(os.geteuid())}: "
                "run the command as that user (or as root), or move the folder away to start empty."
            )
        return None
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        wanted = f"the owner of {data} (user id {owner})" if owner else f"{UNPRIVILEGED!r}"
        raise ServiceError(
            f"PostgreSQL does not run as root, and this system has no account for {wanted}; "
            "run the command as an ordinary user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _name_of(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid if uid is not None else -1).pw_name
    except (KeyError, OverflowError):
        return f"user id {uid}"


def can_traverse(folder: Path, account: Account) -> bool:
    """Tell whether *account* may enter *folder* and every folder above it (mode bits only, no ACLs)."""
    resolved = folder.resolve()
    return all(_permits(path, account, 0o1) for path in (resolved, *resolved.parents))


def can_execute(program: Path, account: Account) -> bool:
    """Tell whether *account* may read and run *program*."""
    return can_traverse(program.parent, account) and _permits(program.resolve(), account, 0o5)


def _permits(path: Path, account: Account, bits: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        granted = status.st_mode >> 6
    elif status.st_gid == account.gid:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & bits == bits


def shared_folder(name: str) -> Path:
    """Make and return a folder of root's under :data:`SHARED_HOME` that others can enter but not write.

    Raises:
        ServiceError: it cannot be made, or somebody other than root could have tampered with it.
    """
    for folder in (SHARED_HOME, SHARED_HOME / name):
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
            status = folder.lstat()
            if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
                raise ServiceError(
                    f"{folder} must be a folder that only root can write to; remove it and try again."
                )
            # The umask may have taken away what the unprivileged account needs.
            folder.chmod(0o755)
        except OSError as error:
            raise ServiceError(f"Cannot make the folder {folder}: {error.strerror}.") from None
    return SHARED_HOME / name


def prepare_home(data_dir: Path, contents: str) -> tuple[Path, Account | None]:
    """Make the folder that a server keeps its files in, and tell which account runs the server.

    Args:
        data_dir: the folder that was asked for.
        contents: name of the folder inside it that will belong to the server's account.

    Returns:
        The folder to use and the account to run as. The folder differs from *data_dir* only for root, where
        its account cannot reach *data_dir*; ``data_dir/location`` then names the one in use.

    Raises:
        ServiceError: the folder cannot be made, or is not ours to use.
    """
    try:
        data_dir.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        account = account_for(data_dir / contents)
        if account is None:
            return data_dir.resolve(), None
        elsewhere = f"{data_dir.name}-{hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]}"
        pointer = data_dir / "location"
        if can_traverse(data_dir, account) and not pointer.exists():
            return data_dir.resolve(), account
        if (data_dir / contents).exists():
            raise ServiceError(
                f"{data_dir} holds data, but the user {account.name}, who runs the server for root, "
                "cannot reach it; run the command as an ordinary user or move the checkout."
            )
        home = shared_folder(elsewhere)
        pointer.write_text(f"{home}\n")
    except OSError as error:
        raise ServiceError(f"Cannot use the folder {data_dir}: {error.strerror}.") from None
    return home, account_for(home / contents)
