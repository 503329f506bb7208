"""Which home a server's database belongs to: its id is in the database and in a file of the home.

Two homes with one database would take each other's rows for files that are gone.
"""

import uuid
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy import Engine

from .. import files
from ..config import Config
from ..errors import InvalidValue, storing
from . import database, hosts
from .schema import INDEX_STATE


def claim(config: Config, engine: Engine) -> None:
    """Note that a database of a server is this home's; raise `InvalidValue` if it is another's."""
    if config.read_only or not config.database_url or not database.is_shared(config.database_url):
        return
    home_id = _home_id(config)
    if _owner(engine, home_id) != home_id:
        raise InvalidValue(
            f"the database is that of another home than {config.home_name}. "
            "Give each home a database of its own"
        )
    hosts.join(config, engine)


def _owner(engine: Engine, home_id: str) -> str:
    """Return the id of the home that owns a database: the given one, from now on, if none did."""
    query = sa.select(INDEX_STATE.c.home_id)
    with database.reading(engine) as connection:
        known = connection.execute(query).scalar_one()
    if known is not None:
        return str(known)
    with database.writing(engine) as connection:
        free = INDEX_STATE.c.home_id.is_(None)
        connection.execute(sa.update(INDEX_STATE).where(free).values(home_id=home_id))
        return str(connection.execute(query).scalar_one())


def _home_id(config: Config) -> str:
    """Return the id of a home, made when it first uses a server's database."""
    path = config.home_id_file
    with storing(f"cannot read or write {path.name}"):
        if not path.exists():
            with suppress(FileExistsError):  # another process was faster
                files.create(path, lambda file: file.write(uuid.uuid4().hex.encode()))
        return files.read(path).decode("ascii", "replace").strip()
