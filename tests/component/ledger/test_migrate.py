"""The migrations make the tables that the code uses, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from paceline.ledger import migrate
from paceline.ledger.errors import StoreTooNew
from paceline.ledger.store import Store
from paceline.ledger.tables import METADATA, RECORDS
from tests.support.ledger import send
from tests.support.records import record


def test_migrations_make_the_tables_of_the_code(store):
    with store.reading() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_opening_again_keeps_everything(url, store):
    send(store, record())
    again = Store.open(url)
    assert send(again, record()).replayed == 1
    again.close()


def test_a_database_of_a_later_release_is_refused(url, store):
    with store.writing() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match="of a later release"):
        Store.open(url)


def test_records_of_the_release_before_are_kept_and_go_on(url, monkeypatch, tmp_path):
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    source = Path(migrate.__file__).with_name("migrations")
    for name in ("env.py", "versions/v0001_records.py"):
        (folder / name).write_text((source / name).read_text())
    with monkeypatch.context() as before:
        before.setattr(migrate, "_FOLDER", folder)
        Store.open(url).close()
    store = Store.open(url)
    assert send(store, record(media=1)).recorded == 1
    row = {name: value for name, value in _stored(store)[0].items() if name not in {"seq", "media"}}
    # As the release before writes one.
    with store.writing() as tx:
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        tx.execute(sa.text(f"INSERT INTO records ({names}) VALUES ({values})"), row | {"id": "old.1"})  # noqa: S608
    assert {each["id"]: each["media"] for each in _stored(store)} == {"r1.1": 1, "old.1": 0}
    store.close()


def _stored(store):
    with store.reading() as tx:
        return [dict(each) for each in tx.execute(sa.select(RECORDS)).mappings()]


def test_a_migration_that_fails_leaves_nothing_behind(url, monkeypatch, tmp_path):
    """Half of the tables would stop every later start."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    source = Path(migrate.__file__).with_name("migrations")
    (folder / "env.py").write_text((source / "env.py").read_text())
    whole = (source / "versions" / "v0001_records.py").read_text()
    (folder / "versions" / "v0001_records.py").write_text(
        whole.replace("    _logs()\n", "    raise ZeroDivisionError\n")
    )
    with monkeypatch.context() as broken:
        broken.setattr(migrate, "_FOLDER", folder)
        with pytest.raises(ZeroDivisionError):
            Store.open(url)
    store = Store.open(url)
    assert send(store, record()).recorded == 1
    store.close()


def test_a_database_of_the_release_before_goes_on(url, monkeypatch, tmp_path):
    folder = tmp_path / "migrations"
    source = Path(migrate.__file__).with_name("migrations")
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/v0001_records.py"):
        (folder / name).write_text((source / name).read_text())
    with monkeypatch.context() as before:
        before.setattr(migrate, "_FOLDER", folder)
        Store.open(url).close()
    store = Store.open(url)
    assert send(store, record(conversation="thread-7")).recorded == 1
    with store.reading() as tx:
        assert tx.execute(sa.select(RECORDS.c.conversation)).scalar() == "thread-7"
    store.close()


def test_every_field_of_a_record_is_a_column(store):
    send(store, record(ttft_target_us=None))
    with store.reading() as tx:
        row = tx.execute(sa.select(RECORDS)).mappings().one()
    assert row["ttft_target_us"] is None
    assert (row["id"], row["purpose"], row["streamed"], row["received_us"] > 0) == ("r1.1", "User", True, True)
