"""What people in Python do with the SQL port: clickhouse-connect, pandas and SQLAlchemy, as the reader and as the writer.

    python main.py <url of the writer> <url of the reader>

Prints one JSON object a check: {"name", "ok", "detail"}.
"""
import json
import sys
import traceback
from datetime import datetime, timezone
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import clickhouse_connect
import numpy
import pandas
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
COLUMNS = ["id", "at", "seen", "day", "tags", "attributes", "note", "kind", "ratio", "amount", "key", "level", "pair", "flag"]
CREATE = """CREATE TABLE py_item (
  id UInt64, at DateTime64(6, 'UTC'), seen DateTime('Europe/Berlin'), day Date, tags Array(String), attributes Map(LowCardinality(String), String),
  note Nullable(String), kind LowCardinality(Nullable(String)), ratio Float64, amount Decimal(18, 4), key UUID, level Enum8('low' = 1, 'high' = 2),
  pair Tuple(a UInt8, b String), flag Bool) ENGINE = MergeTree ORDER BY id"""


def row(i):
    return [i, AT, AT.replace(microsecond=0), AT.date(), ["a", f"t{i % 3}"], {"k": "v'"}, None if i % 2 else f"note {i}", f"k{i % 5}" if i % 4 else None,
            i / 4, Decimal("1.2500"), UUID(int=i), "low" if i % 2 else "high", (i % 250, "b"), i % 2 == 0]


ROWS = [row(i) for i in range(2000)]


def report(name, check):
    try:
        detail = check()
        print(json.dumps({"name": name, "ok": True, "detail": repr(detail)[:300]}), flush=True)
    except Exception as error:  # pylint: disable=broad-exception-caught
        at = traceback.extract_tb(error.__traceback__)[-1]
        mine = [f"line {frame.lineno}" for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
        print(json.dumps({"name": name, "ok": False, "detail": f"{type(error).__name__} {' '.join(mine)} ({at.name}): {error}"[:1500]}), flush=True)


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")
    return actual


def refused(code, call):
    try:
        call()
    except DatabaseError as error:
        if f"code {code}" not in str(error).lower() and f"Code: {code}." not in str(error):
            raise AssertionError(f"expected code {code}: {error}") from error
        return code
    raise AssertionError(f"expected code {code}, and nothing was refused")


def connect(url, **more):
    parts = urlsplit(url)
    return clickhouse_connect.get_client(host=parts.hostname, port=parts.port, username=parts.username, password=parts.password, database="shieldwatch", tz_mode="aware", **more)


def check_writer(url, compress):
    client = connect(url, compress=compress)
    name = f"writer compress={compress}"

    def insert_rows():
        client.command("DROP TABLE IF EXISTS py_item")
        client.command(CREATE)
        client.insert("py_item", ROWS[:1000], column_names=COLUMNS)
        return equal(client.command("SELECT count() FROM py_item"), 1000)

    def insert_frame():
        frame = pandas.DataFrame(ROWS[1000:], columns=COLUMNS)
        client.insert_df("py_item", frame)
        return equal(client.command("SELECT count(), sum(id), countIf(note IS NULL) FROM py_item"), ["2000", "1999000", "1000"])

    def insert_raw():
        client.raw_insert("py_item", ["id", "note"], "5000,x\n5001,y\n", fmt="CSV")
        client.command("ALTER TABLE py_item DELETE WHERE id >= 5000 SETTINGS mutations_sync = 2")
        return equal(client.command("SELECT count() FROM py_item"), 2000)

    def insert_wrong():
        return refused(60, lambda: client.insert("py_nosuch", [[1]], column_names=["id"]))

    report(f"{name}: insert", insert_rows)
    report(f"{name}: insert_df", insert_frame)
    report(f"{name}: raw_insert", insert_raw)
    report(f"{name}: insert into no table", insert_wrong)
    client.close()


def check_reader(url, compress):
    client = connect(url, compress=compress)
    name = f"reader compress={compress}"

    def rows():
        result = client.query("SELECT * FROM py_item ORDER BY id LIMIT 3")
        equal(list(result.column_names), COLUMNS)
        first = list(result.result_rows[1])
        expected = row(1)
        equal(first[1], AT)
        equal(first[2], AT.replace(microsecond=0))
        equal(str(result.column_types[1].name), "DateTime64(6, 'UTC')")
        equal(str(result.column_types[2].name), "DateTime('Europe/Berlin')")
        equal(first[2].utcoffset(), AT.astimezone(BERLIN).utcoffset())
        for i in (0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13):
            equal(first[i], expected[i])
        return equal(first[12], {"a": 1, "b": "b"})

    def zones():
        result = client.query("SELECT toDateTime('2026-01-02 03:04:05', 'Asia/Tokyo') AS a, [toDateTime64('2026-01-02 03:04:05', 3, 'Asia/Tokyo')] AS b, toDateTime(0, 'UTC') AS c")
        equal([each.name for each in result.column_types], ["DateTime('Asia/Tokyo')", "Array(DateTime64(3, 'Asia/Tokyo'))", "DateTime('UTC')"])
        return equal(result.first_row[0].utcoffset().total_seconds(), 9 * 3600)

    def parameters():
        result = client.query("SELECT {a:UInt8} + 1, {s:String}, {d:DateTime64(3)}, {l:Array(String)}, {n:Nullable(String)}", parameters={"a": 3, "s": "it's\n\t\\", "d": AT, "l": ["x", "y'"], "n": None})
        equal(list(result.first_row)[:2] + list(result.first_row)[3:], [4, "it's\n\t\\", ["x", "y'"], None])
        result = client.query("SELECT count() FROM py_item WHERE kind = %(k)s AND id IN %(ids)s", parameters={"k": "k1", "ids": [1, 6, 11, 16]})
        return equal(result.first_row[0], 3)

    def frame():
        table = client.query_df("SELECT id, at, note, kind, ratio, tags, attributes FROM py_item ORDER BY id")
        equal(len(table), 2000)
        equal(str(table["at"].dt.tz), "UTC")
        equal(table["at"][0].to_pydatetime(), AT)
        equal(int(table["note"].isna().sum()), 1000)
        return equal(float(table["ratio"].sum()), sum(i / 4 for i in range(2000)))

    def arrays():
        numbers = client.query_np("SELECT id, ratio FROM py_item ORDER BY id")
        return equal(int(numpy.array(numbers["id"] if numbers.dtype.names else numbers[:, 0]).sum()), 1999000)

    def streams():
        with client.query_row_block_stream("SELECT number, toString(number) AS s FROM numbers(200000)") as blocks:
            equal(sum(len(block) for block in blocks), 200000)
        with client.query_df_stream("SELECT number AS n, at FROM numbers(50000) AS a CROSS JOIN (SELECT at FROM py_item LIMIT 1) AS b") as frames:
            equal(sum(len(each) for each in frames), 50000)
        with client.raw_stream("SELECT number FROM numbers(3)", fmt="CSV") as raw:
            return equal(raw.read(), b"0\n1\n2\n")

    def commands():
        equal(client.command("SELECT 'one'"), "one")
        equal(client.raw_query("SELECT 1 AS x", fmt="JSONEachRow"), b'{"x":1}\n')
        equal(client.query("SHOW TABLES LIKE 'py%'").result_rows, [("py_item",)])
        equal(client.query("DESCRIBE TABLE py_item").result_rows[1][:2], ("at", "DateTime64(6, 'UTC')"))
        equal(client.query("EXISTS TABLE py_item").first_row[0], 1)
        return client.server_version

    def settings():
        client.set_client_setting("max_threads", 2)
        equal(client.command("SELECT getSetting('max_threads')"), 2)
        return equal(client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 1000}).first_row[0], 1000)

    def summary():
        result = client.query("SELECT * FROM py_item")
        return equal(result.summary["read_rows"], "2000")

    def late():
        return refused(395, lambda: client.query("SELECT number, throwIf(number = 700000) FROM numbers(800000)"))

    report(f"{name}: query", rows)
    report(f"{name}: time zones", zones)
    report(f"{name}: parameters", parameters)
    report(f"{name}: query_df", frame)
    report(f"{name}: query_np", arrays)
    report(f"{name}: streams", streams)
    report(f"{name}: command, raw_query, SHOW, DESCRIBE, EXISTS", commands)
    report(f"{name}: settings", settings)
    report(f"{name}: summary", summary)
    report(f"{name}: error unknown table", lambda: refused(60, lambda: client.query("SELECT * FROM nosuch")))
    report(f"{name}: error denied", lambda: refused(497, lambda: client.query("SELECT file('/etc/passwd')")))
    report(f"{name}: error in mid-stream", late)
    report(f"{name}: no insert", lambda: refused(497, lambda: client.insert("py_item", ROWS[:1], column_names=COLUMNS)))
    client.close()


def check_sqlalchemy(url):
    parts = urlsplit(url)
    engine = sqlalchemy.create_engine(f"clickhousedb://{parts.username}:{parts.password}@{parts.hostname}:{parts.port}/shieldwatch")

    def execute():
        with engine.connect() as connection:
            equal(connection.execute(sqlalchemy.text("SELECT count() FROM py_item WHERE id < :most"), {"most": 10}).scalar(), 10)
            return equal(connection.execute(sqlalchemy.text("SELECT id, note FROM py_item ORDER BY id LIMIT 2")).fetchall(), [(0, "note 0"), (1, None)])

    def inspect():
        inspector = sqlalchemy.inspect(engine)
        equal("shieldwatch" in inspector.get_schema_names(), True)
        equal("py_item" in inspector.get_table_names(), True)
        equal(inspector.get_view_names(), [])
        equal(inspector.has_table("py_item"), True)
        equal(inspector.has_table("py_nosuch"), False)
        inspector.get_indexes("py_item")
        inspector.get_pk_constraint("py_item")
        inspector.get_foreign_keys("py_item")
        return equal([each["name"] for each in inspector.get_columns("py_item")], COLUMNS)

    def reflect():
        metadata = sqlalchemy.MetaData()
        metadata.reflect(bind=engine, only=["py_item"])
        table = metadata.tables["py_item"]
        with engine.connect() as connection:
            query = sqlalchemy.select(table.c.kind, sqlalchemy.func.count()).where(table.c.id < 100, table.c.kind.is_not(None)).group_by(table.c.kind).order_by(table.c.kind)
            return equal(len(connection.execute(query).fetchall()), 5)

    def read_sql():
        with engine.connect() as connection:
            table = pandas.read_sql(sqlalchemy.text("SELECT id, at, note FROM py_item WHERE id < 100 ORDER BY id"), connection)
            equal(len(table), 100)
            equal(pandas.read_sql_query(sqlalchemy.text("SELECT max(id) AS m FROM py_item"), connection)["m"][0], 1999)
            chunks = list(pandas.read_sql_query(sqlalchemy.text("SELECT id FROM py_item"), connection, chunksize=500))
            equal(sum(len(each) for each in chunks), 2000)
            return equal(len(pandas.read_sql_table("py_item", connection, columns=["id", "kind"])), 2000)

    report("SQLAlchemy: execute", execute)
    report("SQLAlchemy: inspect", inspect)
    report("SQLAlchemy: reflect", reflect)
    report("SQLAlchemy: pandas.read_sql", read_sql)
    engine.dispose()


def main(writer, reader):
    for compress in (True, False):
        check_writer(writer, compress)
        check_reader(reader, compress)
    check_sqlalchemy(reader)


main(*sys.argv[1:])
