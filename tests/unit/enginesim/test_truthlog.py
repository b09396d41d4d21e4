import json
from pathlib import Path

from paceline.enginesim.truthlog import TruthLog


def test_records_are_appended_one_per_line(tmp_path):
    path = tmp_path / "truth.jsonl"
    for number in range(2):
        log = TruthLog(path)
        log.append({"id": number})
        log.close()
        log.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [0, 1]


def test_no_path_is_no_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = TruthLog(None)
    log.append({"id": 1})
    log.close()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_the_log_and_not_the_server(capsys):
    log = TruthLog(Path("/dev/full"))
    log.append({"id": 1})
    log.append({"id": 2})
    assert capsys.readouterr().err.count("truth log stopped") == 1
