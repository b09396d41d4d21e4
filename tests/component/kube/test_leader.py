import asyncio

import pytest

from paceline.errors import Transient
from paceline.kube.leader import Leader, Record
from paceline.settings import LeaderElection
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import Clock, client, eventually

CONFIG = LeaderElection(
    lease_namespace="ml", lease_duration_seconds=15, renew_deadline_seconds=10, retry_period_seconds=2
)


class Candidate:
    """A Leader with its own clock and a diary."""

    def __init__(self, api, identity, config=CONFIG):
        self.clock = Clock()
        self.diary = []
        self.leader = Leader(
            api,
            config,
            identity,
            gained=lambda: self.diary.append("gained"),
            lost=lambda: self.diary.append("lost"),
            rewound=lambda: self.diary.append("rewound"),
            clock=self.clock,
        )

    async def attempt(self):
        await self.leader.attempt()
        self.leader._notice_expiry()
        return self.leader.leading


@pytest.fixture
async def world(tmp_path):
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        yield server, api


def lease(server):
    return server.get("Lease", "ml", "paceline-operator")["spec"]


async def test_the_first_candidate_makes_the_lease_and_leads(world):
    server, api = world
    one = Candidate(api, "one")
    assert await one.attempt()
    assert one.diary == ["gained"]
    assert (lease(server)["holderIdentity"], lease(server)["leaseTransitions"]) == ("one", 1)


async def test_a_renewal_extends_the_deadline_from_when_it_was_sent(world):
    _, api = world
    one = Candidate(api, "one")
    await one.attempt()
    one.clock.forward(9)
    assert await one.attempt()
    one.clock.forward(9.9)
    assert one.leader.leading
    assert one.leader.deadline.remaining() == pytest.approx(5.1)
    one.clock.forward(0.2)
    assert not one.leader.leading
    assert one.leader.deadline.remaining() == 0


async def test_another_candidate_waits_a_whole_duration_of_its_own_observation(world):
    server, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await one.attempt()
    assert not await two.attempt()
    two.clock.forward(14.9)
    assert not await two.attempt()
    one.clock.forward(8)
    await one.attempt()
    two.clock.forward(14.9)
    assert not await two.attempt(), "the renewal was seen, so the wait begins anew"
    two.clock.forward(15)
    assert await two.attempt()
    assert (lease(server)["holderIdentity"], lease(server)["leaseTransitions"]) == ("two", 2)


async def test_a_skewed_wall_clock_takes_no_lease(world):
    server, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await one.attempt()
    held = server.get("Lease", "ml", "paceline-operator")
    server.put({**held, "spec": {**held["spec"], "renewTime": "2001-01-01T00:00:00.000000Z"}})
    assert not await two.attempt()


async def test_a_holder_that_slept_stops_writing_before_it_learns_anything(world):
    _, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await one.attempt()
    await two.attempt()
    for candidate in (one, two):
        candidate.clock.forward(300)
    assert await two.attempt()
    assert one.leader.deadline.remaining() == 0
    assert not await one.attempt()
    assert one.diary == ["gained", "lost"]


async def test_two_candidates_for_a_free_lease_make_one_holder(world):
    server, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await asyncio.gather(one.attempt(), two.attempt())
    assert one.leader.leading != two.leader.leading
    held = server.get("Lease", "ml", "paceline-operator")
    server.put({**held, "spec": {}})
    await asyncio.gather(one.attempt(), two.attempt())
    assert sorted(one.diary + two.diary).count("gained") <= 2
    assert lease(server)["holderIdentity"] in ("one", "two")


async def test_a_released_lease_is_taken_at_once(world):
    _, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await one.attempt()
    await two.attempt()
    await one.leader.release()
    assert one.leader.deadline.remaining() == 0
    assert await two.attempt()
    await one.leader.release()


async def test_a_release_that_fails_or_hangs_does_not_matter(world):
    server, api = world
    one = Candidate(api, "one")
    await one.attempt()
    server.faults = [Fault(lambda call: call.method == "PUT", status=500)]
    await one.leader.release()
    assert one.diary == ["gained", "lost"]
    one.leader._leading, one.leader._seen = True, None
    await one.leader.release()


async def test_a_restarted_container_of_the_same_pod_gets_its_lease_back_at_once(world):
    _, api = world
    await Candidate(api, "pod-a").attempt()
    assert await Candidate(api, "pod-a").attempt()


async def test_a_renewal_whose_answer_is_lost_is_looked_up_and_tried_again(world):
    server, api = world
    one = Candidate(api, "one")
    await one.attempt()
    one.clock.forward(5)
    server.faults = [Fault(lambda call: call.method == "PUT", lose=True)]
    assert await one.attempt(), "the Lease is still ours, though nothing is known of the renewal"
    assert one.leader.deadline.remaining() == pytest.approx(10)
    server.faults = [Fault(lambda call: call.method == "PUT", status=500)]
    with pytest.raises(Transient):
        await one.attempt()
    assert await one.attempt()
    assert one.leader.deadline.remaining() == pytest.approx(15)


async def test_a_holder_that_cannot_renew_steps_down_by_itself(world):
    server, api = world
    quick = LeaderElection(
        lease_namespace="ml", lease_duration_seconds=3, renew_deadline_seconds=2, retry_period_seconds=1
    )
    one = Candidate(api, "one", quick)
    running = asyncio.create_task(one.leader.run())
    await eventually(lambda: one.leader.leading)
    server.faults = [Fault(lambda call: "leases" in call.path, times=99, status=503)]
    one.clock.forward(2.1)
    await eventually(lambda: one.diary == ["gained", "lost"])
    server.faults.clear()
    await eventually(lambda: one.leader.leading)
    running.cancel()


def test_an_empty_lease_is_free():
    record = Record.parse({"metadata": {"resourceVersion": "1"}}, 15)
    assert (record.holder, record.duration, record.transitions) == ("", 15, 0)


async def test_a_renewal_that_comes_too_late_begins_a_new_term(world):
    _, api = world
    one = Candidate(api, "one")
    await one.attempt()
    one.clock.forward(11)  # writes were dropped since the deadline, so everything must be looked at again
    assert await one.attempt()
    assert one.diary == ["gained", "lost", "gained"]


async def test_a_lease_counts_as_unchanged_only_from_when_it_was_read(world):
    server, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await one.attempt()
    server.faults = [Fault(lambda call: not call.write, seconds=0.05)]
    reading = asyncio.create_task(two.attempt())
    await asyncio.sleep(0)
    two.clock.forward(5)  # the answer takes five seconds
    await reading
    two.clock.forward(11)
    assert not await two.attempt()
    two.clock.forward(5)
    assert await two.attempt()


async def test_a_lease_that_is_older_than_before_means_that_nothing_known_holds(world):
    server, api = world
    one, two = Candidate(api, "one"), Candidate(api, "two")
    await one.attempt()
    restore = server.backup()
    await one.attempt()
    await two.attempt()
    restore()
    assert await one.attempt()
    assert one.diary == ["gained", "lost", "rewound", "gained"], "no write in between"
    restore()
    await two.attempt()
    assert two.diary == ["rewound"]


async def test_a_backup_from_before_the_lease_is_noticed_when_it_is_made(world):
    server, api = world
    restore = server.backup()
    one = Candidate(api, "one")
    await one.attempt()
    await one.attempt()
    restore()
    assert await one.attempt()
    assert one.diary == ["gained", "lost", "rewound", "gained"]
