"""Many at once: no Hard budget is exceeded, none refuses without need once all is quiet, nothing is counted twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from paceline.ledger.accounts import standings
from paceline.ledger.balance import differences
from paceline.ledger.reservations import reserve
from paceline.ledger.store import Store
from tests.support.ledger import COST, NOW, ask, budget, send
from tests.support.records import record
from tests.support.tree import ROOT

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
CLIENTS = 64
TRIALS = 300 if FULL else 10


def at_once(count, work):
    """Call work(0) … work(count - 1) in as many threads, all released together."""
    gate = threading.Barrier(count)

    def one(number):
        gate.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_64_clients_on_a_nearly_empty_budget_get_exactly_what_is_left(store):
    """Each can cost 5,000 and costs 1,000. What is left is for 7 of them at a time, and for more once those settled."""
    dice = random.Random(7)
    for trial in range(TRIALS):
        consumer, left = f"shop/c{trial}", 5000 * dice.randrange(1, 8) + dice.randrange(5000)
        small = budget(amount=left)

        def client(number, *, trial=trial, consumer=consumer, small=small):
            request = f"{trial}-{number}"
            asked = ask(request, worst=5000, budgets=[small], consumer=consumer)
            if not reserve(store, asked, NOW).allowed:
                return 0
            standing = standings(store, consumer, [small], NOW)["month"]
            assert standing.spent + standing.reserved <= small.amount
            send(store, record(id=request, request_id=request, consumer=consumer), log=request)
            return 1

        allowed = sum(at_once(CLIENTS, client))
        standing = standings(store, consumer, [small], NOW)["month"]
        assert (standing.spent, standing.reserved) == (allowed * COST, 0)
        assert standing.spent <= left
        # All is quiet, so only what is spent may stand in the way.
        verdict = reserve(store, ask(f"{trial}-last", worst=5000, budgets=[small], consumer=consumer), NOW)
        assert verdict.allowed == (standing.spent + 5000 <= left)
    assert not differences(store, 0)


def test_reservations_alone_never_exceed_a_budget(store):
    small = budget(amount=5000 * 10 + 4999)
    verdicts = at_once(CLIENTS, lambda number: reserve(store, ask(f"r{number}", worst=5000, budgets=[small]), NOW))
    assert sum(verdict.allowed for verdict in verdicts) == 10
    assert {verdict.reason for verdict in verdicts} == {"WithinBudget", "BudgetReserved"}


def test_one_request_that_asks_64_times_at_once_reserves_once(store):
    at_once(CLIENTS, lambda _: reserve(store, ask(worst=5000), NOW))
    assert standings(store, "shop/acme", [budget()], NOW)["month"].reserved == 5000


PROCESS = """
import sys
from paceline.ledger.reservations import reserve
from paceline.ledger.store import Store
from tests.support.ledger import NOW, ask, budget
store, name = Store.open(sys.argv[1]), sys.argv[2]
print("open", flush=True)
sys.stdin.readline()
small = budget(amount=5000 * 40)
print(sum(reserve(store, ask(f"{name}-{n}", worst=5000, budgets=[small]), NOW).allowed for n in range(30)))
"""


def test_replicas_of_the_ledger_never_exceed_a_budget_together(url, store):
    """Four processes ask 120 times for a budget that has room for 40."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, url, f"p{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(4)
    ]
    assert [process.stdout.readline() for process in started] == ["open\n"] * 4
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    allowed = [int(process.communicate(timeout=60)[0]) for process in started]
    assert sum(allowed) == 40
    assert standings(store, "shop/acme", [budget()], NOW)["month"].reserved == 5000 * 40


def test_the_same_batch_from_many_at_once_is_recorded_once(store):
    lines = [record(id=f"{number}") for number in range(50)]
    receipts = at_once(16, lambda number: send(store, *lines, log=f"{number % 3}"))
    assert sum(receipt.recorded for receipt in receipts) == 50
    assert sum(receipt.replayed for receipt in receipts) == 15 * 50
    assert not differences(store, 0)


def test_different_batches_at_once_add_up(store):
    standings(store, "shop/acme", [budget()], NOW)
    at_once(16, lambda n: send(store, *(record(id=f"{n}-{i}") for i in range(20)), shipper=f"{n}"))
    assert standings(store, "shop/acme", [budget()], NOW)["month"].spent == 320 * COST
    assert not differences(store, 0)


def test_replicas_may_start_together_on_an_empty_database(url):
    stores = at_once(8, lambda _: Store.open(url))
    assert send(stores[0], record()).recorded == 1
    assert send(stores[-1], record()).replayed == 1
    for store in stores:
        store.close()


def test_a_reader_sees_whole_batches_only(store):
    """Sums and rows are read while they are written."""
    done = threading.Event()

    def write(number):
        for batch in range(10):
            send(store, *(record(id=f"{number}-{batch}-{i}") for i in range(5)), shipper=f"{number}", log=f"{batch}")

    def look():
        looks = 0
        while not done.is_set():
            assert not differences(store, 0)
            looks += 1
        return looks

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(look)
        at_once(8, write)
        done.set()
        assert watching.result(30) > 0
    assert not differences(store, 0)
