import numpy as np
import pytest

from fitting.cluster.batches import batches_of
from fitting.cluster.worker import TRIES, Worker
from fitting.folders import FolderRun

pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")


@pytest.mark.parametrize("folders", [True, False])
def test_a_batch_becomes_a_parquet_file(images, out, open_run, make_person, check_complete, rows, folders):
    worker = Worker(open_run, out, folders)
    reports = [worker.fit(batch) for batch in batches_of(images, 16)[0]]
    assert [report.images for report in reports] == [16, 16, 8]
    assert [[image for image, _ in report.failures] for report in reports] == [[str(images / "g00.png")], [], []]
    check_complete()
    assert (out / "g39" / "person0" / "fit.npz").is_file() == folders
    row, person = rows()[5], make_person(1)
    assert row["folder"] == ("g05/person0" if folders else None)
    assert np.allclose(np.reshape(row["body_pose"], (21, 3)), person.body_pose)
    assert np.array_equal(np.reshape(row["codes"], person.codes.shape), person.codes)
    assert np.allclose(row["right_hand_pose"], 0.2)
    assert row["hands_found"] == [True, False]
    assert not list((out / "parts").glob(".*"))


def test_listed_photos_are_fetched_and_named_by_their_lines(images, out, open_run, rows, tmp_path):
    pytest.importorskip("fsspec", reason="addresses need fsspec")
    file = tmp_path / "list.txt"
    file.write_text(f"images/g07.png\nfile://{images}/g08.png\nfile://{images}/absent.png\n")
    (batch,) = batches_of(file, 8)[0]
    report = Worker(open_run, out, True).fit(batch)
    assert [row["folder"] for row in rows()] == [
        *("0000000/000000000-g07/person0", "0000000/000000001-g08/person0"),
        None,
    ]
    assert [image for image, _ in report.failures] == [f"file://{images}/absent.png"]
    assert "it cannot be read" in report.failures[0][1]


def test_a_photo_that_ends_every_worker_is_given_up(images, out, open_run):
    batch = next(batches_of(images, 4)[0])
    (out / "parts" / ".tried-0000000").write_text("0\n1\n2\n2\n")
    report = Worker(open_run, out, False).fit(batch)
    assert [reason for _, reason in report.failures] == [
        "no person was found",
        "2 workers were lost while they fitted it",
    ]


def test_photos_fitted_before_a_loss_are_not_blamed(images, out, open_run, monkeypatch):
    batch = next(batches_of(images, 4)[0])
    (out / "parts" / ".tried-0000000").touch()
    fit, last = FolderRun.outcome, batch.jobs[-1].image.name

    def lost(run, job):
        if job.image.name == last:
            raise SystemExit
        return fit(run, job)

    for _ in range(TRIES):
        monkeypatch.setattr(FolderRun, "outcome", lost)
        with pytest.raises(SystemExit):
            Worker(open_run, out, False).fit(batch)
    monkeypatch.setattr(FolderRun, "outcome", fit)
    report = Worker(open_run, out, False).fit(batch)
    assert [image for image, reason in report.failures if "lost" in reason] == [str(batch.jobs[-1].image)]
