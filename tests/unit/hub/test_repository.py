"""A repository of the hub: what may pass is tried again, what does not is one line, and wrong bytes are not taken."""

from __future__ import annotations

import pytest

from helpers.hub_sets import ROWS, SET, refused


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/datasets/owner/set", 500), ("/tree/", 500), ("/resolve/", 500), ("/tree/", 408), ("/tree/", 429)],
)
def test_an_error_of_the_hub_passes(hub, fetch, tmp_path, path, status):
    hub.faults[path] = [status]
    fetch()
    assert (tmp_path / "out" / "train.jsonl").read_text() == ROWS


def test_errors_that_stay_end_in_one_line(hub, fetch, tmp_path):
    hub.faults["/api/datasets/owner/set"] = [503] * 20
    message = refused(fetch)
    assert message == "config: sources.s: the hub answers status 503 for owner/set after 3 attempts; rerun later"
    assert not (tmp_path / "out").exists()


def test_a_cut_connection_is_resumed_where_it_broke(hub, fetch, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 14)
    hub.faults["train.jsonl"] = [None, "cut"]  # first the HEAD request
    hub.commit(SET, {"train.jsonl": ROWS * 30})
    fetch()
    assert (tmp_path / "out" / "train.jsonl").read_text() == ROWS * 30
    ranges = [asked for method, path, asked, _ in hub.requests if method == "GET" and "resolve" in path]
    assert ranges[0] is None and int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_wrong_bytes_are_fetched_anew(hub, fetch, tmp_path, caplog):
    hub.faults["train.jsonl"] = [None, "wrong"]
    fetch()
    assert (tmp_path / "out" / "train.jsonl").read_text() == ROWS
    assert "fetching it again" in caplog.text


@pytest.mark.parametrize("name", ["train.jsonl", "test.jsonl"])
def test_wrong_bytes_that_stay_are_refused(hub, fetch, tmp_path, name):
    hub.faults[name] = [None, "wrong"] * 20
    message = refused(fetch, files=name)
    assert f"owner/set: {name} arrived as " in message and "the hub lists" in message
    assert not (tmp_path / "out").exists()


def test_a_file_that_decayed_in_the_cache_is_fetched_anew(hub, fetch, tmp_path):
    fetch()
    [cached] = (tmp_path / "cache").rglob("train.jsonl")
    cached.resolve().unlink()
    cached.resolve().write_text("decayed")
    fetch(out="again")
    assert (tmp_path / "again" / "train.jsonl").read_text() == ROWS


def test_a_gated_set_wants_a_token(hub, fetch, tmp_path, monkeypatch, caplog):
    hub.token = "hf_right"
    assert "owner/set is gated; accept its terms, then set HF_TOKEN" in refused(fetch)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert "accept its terms with the account that HF_TOKEN belongs to" in refused(fetch)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    fetch()
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "hf_right" not in kept + caplog.text and "hf_other" not in kept + caplog.text


def test_no_token_is_taken_from_anywhere_but_the_environment(hub, fetch, tmp_path, monkeypatch):
    from huggingface_hub import constants

    (tmp_path / "token").write_text("hf_stored")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    fetch()
    assert not any(token for *_, token in hub.requests)


@pytest.mark.parametrize(
    ("spec", "fault", "message"),
    [
        ({"hub": "owner/none"}, None, "config: sources.s: no dataset 'owner/none' on the hub; correct the id"),
        ({"revision": "v9"}, None, "config: sources.s: owner/set has no revision 'v9'; correct revision"),
        (
            {"split": "trian"},
            None,
            "config: sources.s.split: owner/set has no split 'trian' (its files: test.jsonl, train",
        ),
        ({"config": "big"}, None, "config: sources.s.config: owner/set has no config 'big'; remove config"),
        (
            {"files": "none.json"},
            None,
            "config: sources.s.files: owner/set has no data file 'none.json'; choose from test.jsonl",
        ),
        ({"files": "*.py"}, None, "config: sources.s.files: owner/set has no data file '*.py'"),
        ({}, 403, "the hub refuses access to owner/set (status 403); renew HF_TOKEN"),
        ({"checksum": f"md5:{'0' * 32}"}, None, "config: sources.s.checksum: train.jsonl of owner/set has md5:"),
        (
            {"checksum": f"md5:{'0' * 32}", "files": "*.jsonl"},
            None,
            "checksum: applies to a single file, but 2 are selected",
        ),
    ],
)
def test_a_mistake_is_one_line(hub, fetch, spec, fault, message):
    hub.faults["/tree/"] = [fault]
    assert message in refused(fetch, **spec)


def test_no_network_is_one_line(hub, fetch, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    message = refused(fetch)
    assert message.startswith(
        "config: sources.s: can't reach the hub for owner/set (ConnectError) after 3 attempts; check"
    )


def test_offline_mode_is_named(fetch, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set; unset it" in refused(fetch)
