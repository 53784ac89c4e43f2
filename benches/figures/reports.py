"""Asks DuckDB what candor's reports tell, over the same rows: FOLDER AS_OF TIMES.

Prints for each question its name, its CPU time in seconds (the middle of some times, one thread) and
its numbers. The rows are loaded into DuckDB's own tables before the clock starts.
"""

import sys
import time

import duckdb

folder, as_of, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = duckdb.connect()
db.execute("SET threads = 1")


def load(name, *columns):
    types = "{" + ", ".join(f"'{column}': 'BIGINT'" for column in columns) + "}"
    db.execute(
        f"CREATE TABLE {name} AS SELECT * FROM read_csv('{folder}/{name}.csv', "
        f"header = false, columns = {types})"
    )


load("record", "id", "subject")
load("said", "record", "purpose", "state", "recorded_at", "n", "counts_from")
load("member", "set", "purpose")
load("item", "record", "set", "at")

# The same rows, ready for an as-of join: by when a statement was so and known, and by when it was so.
db.execute(
    """CREATE TABLE known AS
       SELECT record, purpose, state, counts_from, greatest(counts_from, recorded_at) AS known_from
       FROM said"""
)

UNLAWFUL = """
    SELECT count(*) FILTER (WHERE t.state IS NULL OR t.state NOT IN (3, 7)),
           count(*) FILTER (WHERE t.state IN (3, 7) AND (l.state IS NULL OR l.state NOT IN (3, 7)))
    FROM item i JOIN member m ON m.set = i.set
    ASOF LEFT JOIN known t
      ON i.record = t.record AND m.purpose = t.purpose AND i.at >= t.known_from
    ASOF LEFT JOIN known l
      ON i.record = l.record AND m.purpose = l.purpose AND i.at >= l.counts_from
"""
CONSENT = [
    f"""
    SELECT coalesce(s.state, 0), count(*)
    FROM (SELECT id, {as_of} AS at FROM record) r
    ASOF LEFT JOIN known s ON r.id = s.record AND r.at >= s.known_from
    GROUP BY 1 ORDER BY 1
    """,
    f"""
    WITH last AS (
      SELECT record, arg_max(state, counts_from) AS state FROM said
      WHERE recorded_at <= {as_of} AND counts_from <= {as_of} GROUP BY record
    )
    SELECT coalesce(state, 0), count(*) FROM record LEFT JOIN last ON id = record
    GROUP BY 1 ORDER BY 1
    """,
]
STATES = {0: "unknown", 2: "requested", 3: "given", 4: "refused", 5: "withdrawn", 7: "renewed"}


def ask(query):
    spent = []
    for _ in range(times):
        before = time.process_time()
        rows = db.execute(query).fetchall()
        spent.append(time.process_time() - before)
    return sorted(spent)[times // 2], rows


cpu, [(wrong, late)] = ask(UNLAWFUL)
print("unlawful", cpu, wrong, late)
# Two ways to ask the same; the quicker one counts.
cpu, counts = min((ask(query) for query in CONSENT), key=lambda told: told[0])
words = sorted((STATES[state], people) for state, people in counts)
print("consent", cpu, " ".join(f"{state}={people}" for state, people in words))
