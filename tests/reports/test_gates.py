"""The gates' section: drawn where a relaxation was trained, its rounds in a row; damaged files are left out."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from apportion.evaluators.measurement import Artifact
from apportion.reports.page.build import page
from apportion.reports.results import results_of
from apportion.reports.sections.gates import GATES, MOST, gate_paths
from apportion.search.study import Study
from tests.conformance.test_report_sections import STUDIES, Balance
from tests.reports.builders import hostile, simulated


def relaxed(run: Path, study: Study, rounds: int = 1, key: str = "taps/12ab/seed-0") -> Study:
    """The study with one relaxation more: gates close from 1 to 0 over 4 steps a round."""
    sites, owners = len(study.header.space.sites), len(study.header.space.owners)
    closing = np.linspace(1, 0, 5, dtype=np.float32)
    tensors: dict[str, np.ndarray] = {}
    for number in range(1, rounds + 1):
        tensors |= {
            f"path.{number}.site": np.arange(sites),
            f"path.{number}.step": np.arange(5),
            f"path.{number}.share_open": np.broadcast_to(closing[:, None, None], (5, sites, owners)).copy(),
            f"path.{number}.owned": closing,
        }
    content = save(tensors)
    place = f"artifacts/{key.replace('/', '-')}.safetensors"
    (run / place).parent.mkdir(parents=True, exist_ok=True)
    (run / place).write_bytes(content)
    artifact = Artifact(key, place, hashlib.sha256(content).hexdigest(), 12.0)
    return replace(study, path=run / "study.jsonl", artifacts={**study.artifacts, key: artifact})


def test_rounds_stand_in_a_row(tmp_path: Path) -> None:
    (path,) = gate_paths(relaxed(tmp_path, simulated(seeds=1), rounds=3))
    assert path.step.tolist() == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12]
    assert path.rounds == (4, 8)
    assert path.owned.tolist() == [1, 0.75, 0.5, 0.25, 0] * 3
    assert path.share_open.shape == (15, 3, 3)


def test_a_round_that_is_an_artifact_of_its_own_is_drawn_with_the_whole(tmp_path: Path) -> None:
    # What a round leaves to the next: its path by other names, and what it cost.
    study = relaxed(tmp_path, simulated(seeds=1), rounds=2)
    content = save({"path.share_open": np.ones(3), "net.weight": np.ones(3)})
    (tmp_path / "artifacts" / "first.safetensors").write_bytes(content)
    key = "taps/12ab/seed-0/round-1"
    first = Artifact(key, "artifacts/first.safetensors", hashlib.sha256(content).hexdigest(), 30.0, ("warm-up/seed-0",))
    last = replace(study.artifacts["taps/12ab/seed-0"], needs=(key,))
    (path,) = gate_paths(replace(study, artifacts={**study.artifacts, key: first, last.key: last}))
    assert (path.key, path.rounds, path.seconds) == ("taps/12ab/seed-0", (4,), 12.0 + 30.0)


def test_a_relaxation_is_drawn_by_domain_and_by_site(tmp_path: Path) -> None:
    study = relaxed(tmp_path, simulated(seeds=1))
    fragment = GATES.render(results_of(study))
    owners, sites = (fragment.figures[f"0.{name}"]["only"] for name in ("owners", "sites"))
    assert [trace["y"] for trace in owners["data"]] == [[1, 0.75, 0.5, 0.25, 0]] * 4
    assert sites["data"][0]["z"] == [[1, 0.75, 0.5, 0.25, 0]] * 3
    assert "0.0% of a backbone behind open gates at the end" in fragment.body


def test_a_relaxation_is_named_by_the_first_trial_that_used_it(tmp_path: Path) -> None:
    study = relaxed(tmp_path, simulated(seeds=1))
    assert "<h3>taps/12ab/seed-0" in GATES.render(results_of(study)).body.replace('<span class="name">', "")
    first, *rest = study.trials
    used = replace(first, proposal=replace(first.proposal, id="taps:mine/live-0.2/1", artifacts=("taps/12ab/seed-0",)))
    body = GATES.render(results_of(replace(study, trials=(used, *rest)))).body
    assert "taps:mine/live-0.2/1" in body and "12ab" not in body


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_file_that_cannot_be_trusted_is_left_out(tmp_path: Path, what: str) -> None:
    study = relaxed(tmp_path, simulated(seeds=1))
    (file,) = (tmp_path / "artifacts").iterdir()
    if what == "missing":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    assert gate_paths(study) == []
    assert not GATES.shown(results_of(study))


def test_other_artifacts_are_not_taken_for_gates(tmp_path: Path) -> None:
    study = relaxed(tmp_path, simulated(seeds=1), key="warm-up/seed-0")
    assert not GATES.shown(results_of(study))


@pytest.mark.parametrize("kind", STUDIES)
def test_the_section_copes_with_any_study(kind: str, tmp_path: Path) -> None:
    for study in (STUDIES[kind](), relaxed(tmp_path, STUDIES[kind](), 2)):
        fragment = GATES.render(results_of(study))
        assert Balance(fragment.body).open == []
        for name in fragment.figures:
            assert f'data-figure="gates.{name}"' in fragment.body


def test_no_more_than_a_few_are_drawn(tmp_path: Path) -> None:
    study = simulated(seeds=1)
    for number in range(MOST + 2):
        study = relaxed(tmp_path, study, key=f"ba2/{number}/seed-0")
    fragment = GATES.render(results_of(study))
    assert len(fragment.figures) == 2 * MOST
    assert "2 more relaxations not drawn." in fragment.body


def test_hostile_names_do_no_harm(tmp_path: Path) -> None:
    study = relaxed(tmp_path, hostile(), key="taps/<script>alert(1)</script>/seed-0")
    assert "<script>alert(1)</script>" not in GATES.render(results_of(study)).body
    assert page(results_of(study))
