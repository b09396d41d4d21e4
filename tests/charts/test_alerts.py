"""Each alert of the chart fires for its sign, and is silent while all is well: as promtool evaluates it."""

import subprocess

import pytest
import yaml

from tests.support import prometheus
from tests.support.helm import CHART

FILES = sorted((CHART / "files" / "alerts").glob("*.yaml"))
POD = '{namespace="models",pod="public-1"}'
MODEL = '{namespace="models",name="chat",condition="%s"}'
#: By alert: the series that make it fire, one value a minute for an hour.
SIGNS = {
    "PacelineModelNotAvailable": {f"paceline_modeldeployment_condition{MODEL % 'Available'}": "0x60"},
    "PacelineModelNotAccepted": {f"paceline_modeldeployment_condition{MODEL % 'Accepted'}": "0x60"},
    "PacelineErrorBudgetBurning": {
        'paceline_slo_objective_ratio{deployment="models/chat"}': "0.99x60",
        'paceline_requests_eligible_total{deployment="models/chat"}': "0+100x60",
        'paceline_requests_good_total{deployment="models/chat"}': "0+85x60",
    },
    "PacelineNoLeader": {f"paceline_leader{POD}": "0x60"},
    "PacelineTwoLeaders": {
        'paceline_leader{namespace="a",job="b",pod="1"}': "1x60",
        'paceline_leader{namespace="a",job="b",pod="2"}': "1x60",
    },
    "PacelineWatchSilent": {f"paceline_watch_age_seconds{POD}": "0+60x60"},
    "PacelineResyncFailing": {f"paceline_resync_failures_total{POD}": "0+1x60"},
    "PacelineQueueStuck": {f"paceline_queue_depth{POD}": "3x60"},
    "PacelineWritesThrottled": {f"paceline_api_throttled_seconds_total{POD}": "0+50x60"},
    "PacelineGatewayNotReady": {f"paceline_gateway_condition{MODEL % 'Ready'}": "0x60"},
    "PacelineGatewayConfigurationRejected": {f"paceline_gateway_programs_rejected_total{POD}": "0x50 1x10"},
    "PacelineGatewayCutOff": {f"paceline_gateway_fetch_age_seconds{POD}": "0+60x60"},
    "PacelineRecordsNotShipped": {
        f"paceline_gateway_ship_age_seconds{POD}": "0+60x60",
        f"paceline_gateway_log_unshipped_bytes{POD}": "1000x60",
    },
    "PacelineLogVolumeFull": {f"paceline_gateway_log_free_bytes{POD}": "1000x60"},
    "PacelineRecordsLost": {f"paceline_gateway_log_write_failures_total{POD}": "0x50 1x10"},
    "PacelineGatewayErrors": {
        'paceline_gateway_requests_answered_total{namespace="models",pod="public-1",code="5xx"}': "0+10x60",
        'paceline_gateway_requests_answered_total{namespace="models",pod="public-1",code="2xx"}': "0+90x60",
    },
    "PacelineLedgerStoreFailing": {f"paceline_ledger_store_failures_total{POD}": "0+2x60"},
    "PacelineLedgerNotTold": {f"paceline_ledger_config_failures_total{POD}": "0+1x60"},
    "PacelineRecordsUnreadable": {'paceline_ledger_records_total{outcome="Quarantined"}': "0x50 1x10"},
    "PacelineReservationsExpired": {f"paceline_ledger_reservations_expired_total{POD}": "0x50 1x10"},
    "PacelineUsageUnknown": {'paceline_ledger_unmeasured_answers_total{model="a",source="Missing"}': "0x50 1x10"},
    "PacelineReservationOverrun": {f"paceline_ledger_reservation_overruns_total{POD}": "0x50 1x10"},
}
#: The same metrics while all is well; without a leader nothing is well.
LEADER = {'paceline_leader{namespace="a",job="b",pod="1"}': "1x60"}
WELL = {
    **LEADER,
    **{f"paceline_{kind}_condition{MODEL % 'Ready'}": "1x60" for kind in ("modeldeployment", "gateway")},
    **{f"paceline_modeldeployment_condition{MODEL % each}": "1x60" for each in ("Available", "Accepted")},
    f"paceline_watch_age_seconds{POD}": "5x60",
    f"paceline_queue_depth{POD}": "0 9 0x58",
    f"paceline_gateway_fetch_age_seconds{POD}": "20x60",
    # Nobody asks anything: there is nothing to ship.
    f"paceline_gateway_ship_age_seconds{POD}": "0+60x60",
    f"paceline_gateway_log_unshipped_bytes{POD}": "0x60",
    f"paceline_gateway_log_free_bytes{POD}": "2000000000x60",
    f"paceline_gateway_log_write_failures_total{POD}": "0x60",
    'paceline_gateway_requests_answered_total{namespace="models",pod="public-1",code="5xx"}': "0+1x60",
    'paceline_gateway_requests_answered_total{namespace="models",pod="public-1",code="2xx"}': "0+99x60",
    'paceline_ledger_records_total{outcome="Quarantined"}': "3x60",
    # One bad minute of an hour, a model within its budget, one without an objective, and one that nobody asks.
    'paceline_slo_objective_ratio{deployment="models/chat"}': "0.99x60",
    'paceline_requests_eligible_total{deployment="models/chat"}': "0+100x60",
    'paceline_requests_good_total{deployment="models/chat"}': "0+99x40 3960 4060+99x20",
    'paceline_requests_eligible_total{deployment="models/free"}': "0+100x60",
    'paceline_requests_good_total{deployment="models/free"}': "0x60",
    'paceline_slo_objective_ratio{deployment="models/idle"}': "0.99x60",
    'paceline_requests_eligible_total{deployment="models/idle"}': "7x60",
    'paceline_requests_good_total{deployment="models/idle"}': "7x60",
    # Another leader told the same before.
    'paceline_ledger_config_refused_total{reason="Outdated"}': "0+1x60",
}


def alerts():
    groups = [group for path in FILES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule["alert"] for group in groups for rule in group["rules"]]


def fired(folder, series):
    """Names of alerts that fire after an hour of these series."""
    # Each alert is expected to be silent, so those that fire are what promtool complains of.
    test = {
        "rule_files": [str(path) for path in FILES],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [{"eval_time": "60m", "alertname": alert, "exp_alerts": []} for alert in alerts()],
            }
        ],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(test))
    command = [prometheus.folder() / "promtool", "test", "rules", str(folder / "test.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    words = done.stdout + done.stderr
    found = {alert for alert in alerts() if f"alertname: {alert}," in words}
    assert bool(done.returncode) == bool(found), words
    return found


def test_there_is_a_sign_for_every_alert():
    assert set(SIGNS) == set(alerts())


@pytest.mark.parametrize("alert", SIGNS)
def test_it_fires_for_its_sign_and_alone(alert, tmp_path):
    leader = {} if "leader" in "".join(SIGNS[alert]) else LEADER
    assert fired(tmp_path, SIGNS[alert] | leader) == {alert}


def test_all_are_silent_while_all_is_well(tmp_path):
    assert fired(tmp_path, WELL) == set()
