"""The table of faults is what the script writes, and says that nothing was lost or done twice."""

from __future__ import annotations

from tests.harness.table import BEGIN, END, HEAD, PAGE, added_up, as_markdown, merged

LINE = {
    "fault": "2. kill -9", "backend": "SQLite", "runs": 1, "kills": 3, "pages": 102, "unexpected": 0, "lost": 0,
    "twice": 0, "recovery_s": 1.26,
}  # fmt: skip
EMPTY = f"before\n{BEGIN}\n{HEAD[0]}\n{HEAD[1]}\n{END}\nafter"


def rows() -> list[list[str]]:
    """The cells of the page's table."""
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    assert tuple(table[:2]) == HEAD
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:]]


def test_nothing_was_lost_and_nothing_done_twice() -> None:
    found = rows()
    assert found
    assert {(fault, backend) for fault, backend, *_, lost, twice, _ in found if (lost, twice) != ("0", "0")} == set()


def test_the_page_is_as_the_script_leaves_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert merged(page, {}) == page


def test_lines_of_one_fault_and_backend_are_added_up() -> None:
    ((row, sums),) = added_up([LINE, {**LINE, "recovery_s": 0.4, "lost": 1}]).items()
    assert as_markdown(row, sums) == "| 2. kill -9 | SQLite | 2 | 6 | 204 | 1 | 0 | 1.3 s |"


def test_rows_of_other_faults_are_kept_in_the_order_of_their_numbers() -> None:
    page = merged(EMPTY, added_up([{**LINE, "fault": "12. kill -9 Redis"}]))
    page = merged(page, added_up([LINE, {**LINE, "backend": "PostgreSQL"}]))
    faults = [line.split(" | ")[:2] for line in page.splitlines()[4:-2]]
    assert faults == [["| 2. kill -9", "SQLite"], ["| 2. kill -9", "PostgreSQL"], ["| 12. kill -9 Redis", "SQLite"]]
    assert page.startswith("before\n")
    assert page.endswith("\nafter")
