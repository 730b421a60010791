import pytest

from fitting.cluster.batches import LEDGER, Ledger, Report, batches_of, part_name


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").touch()
    return folder


def finish(out, ledger, batch):
    ledger.add(Report(batch.number, batch.digest, len(batch.jobs), (("a.png", "empty"),)))
    (out / "parts" / part_name(batch.number)).touch()


def test_a_folder_is_divided_in_order(images):
    batches, count, failures = batches_of(images, 2)
    names = [[job.name for job in batch.jobs] for batch in batches]
    assert names == [["0", "1"], ["2", "3"], ["4"]]
    assert (count, failures) == (5, [])


@pytest.mark.parametrize("kind", ["txt", "csv", "parquet"])
def test_lists_give_unique_names_and_keep_addresses(tmp_path, kind):
    paths = ["a/one.jpg", "b/one.jpg", "s3://bucket/c/two.png"]
    file = tmp_path / f"list.{kind}"
    if kind == "parquet":
        pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.table({"id": [1, 2, 3], "path": paths}), file)
    else:
        file.write_text("\n".join(["path", *paths] if kind == "csv" else paths) + "\n")
    batches, count, _ = batches_of(file, 2)
    found = list(batches)
    jobs = [job for batch in found for job in batch.jobs]
    assert count == 3
    assert [batch.folder for batch in found] == ["0000000", "0000001"]
    assert [job.name for job in jobs] == ["000000000-one", "000000001-one", "000000002-two"]
    assert [job.image for job in jobs[:2]] == [tmp_path / "a/one.jpg", tmp_path / "b/one.jpg"]
    assert [job.address for job in jobs] == [None, None, "s3://bucket/c/two.png"]


def test_impossible_sources_are_rejected(images, tmp_path):
    (tmp_path / "bad.csv").write_text("file\na.jpg\n")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="no column 'path'"):
        batches_of(tmp_path / "bad.csv", 2)
    with pytest.raises(ValueError, match="lists no images"):
        batches_of(tmp_path / "empty.txt", 2)
    with pytest.raises(FileNotFoundError, match="no folder or list"):
        batches_of(tmp_path / "absent", 2)
    with pytest.raises(ValueError, match="at least 1 photo"):
        batches_of(images, 0)
    with pytest.raises(ValueError, match="give a folder"):
        batches_of(tmp_path / "empty.txt", 2, images)


def test_finished_batches_are_known_to_the_next_run(images, tmp_path):
    out, request = tmp_path / "out", {"people": 1, "exports": ("obj",)}
    first, second, third = batches_of(images, 2)[0]
    ledger = Ledger(out, request)
    for batch in (first, second):
        finish(out, ledger, batch)
    again = Ledger(out, request)
    assert again.report(first) == Report(0, first.digest, 2, (("a.png", "empty"),))
    assert again.report(third) is None
    (out / "parts" / part_name(1)).unlink()
    assert Ledger(out, request).report(second) is None


def test_a_batch_of_other_photos_is_not_finished(images, tmp_path):
    out = tmp_path / "out"
    first = next(batches_of(images, 2)[0])
    finish(out, Ledger(out, {}), first)
    (images / "0.png").rename(images / "0b.png")
    changed = next(batches_of(images, 2)[0])
    assert Ledger(out, {}).report(first) is not None
    assert Ledger(out, {}).report(changed) is None


def test_an_unfinished_line_is_ignored(images, tmp_path):
    out = tmp_path / "out"
    first, second, _ = batches_of(images, 2)[0]
    finish(out, Ledger(out, {}), first)
    with (out / LEDGER).open("a") as file:
        file.write('{"number": 1, "dig')
    ledger = Ledger(out, {})
    finish(out, ledger, second)
    assert Ledger(out, {}).report(second) is not None


def test_other_options_are_refused(tmp_path):
    Ledger(tmp_path, {"people": 1})
    with pytest.raises(ValueError, match=r"other options \(people\)"):
        Ledger(tmp_path, {"people": 2})


def test_parts_of_a_longer_source_are_deleted(images, tmp_path):
    ledger = Ledger(tmp_path, {})
    for batch in batches_of(images, 2)[0]:
        finish(tmp_path, ledger, batch)
    ledger.drop_from(2)
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [part_name(0), part_name(1)]


def test_lists_of_spreadsheets_start_with_a_byte_order_mark(tmp_path):
    (tmp_path / "list.csv").write_text("\ufeffpath\na.jpg\n", encoding="utf-8")
    (batch,) = batches_of(tmp_path / "list.csv", 2)[0]
    assert [job.image for job in batch.jobs] == [tmp_path / "a.jpg"]


def test_a_row_without_a_path_is_reported(tmp_path):
    (tmp_path / "list.csv").write_text("id,path\n1,a.jpg\n2\n")
    with pytest.raises(ValueError, match="empty in a row"):
        list(batches_of(tmp_path / "list.csv", 2)[0])
