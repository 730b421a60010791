import numpy as np
import pytest

from fitting.inputs.keypoint_files import read_keypoints


def person(rows, image=1, **more):
    return {"image_id": image, "category_id": 1, "keypoints": [value for row in rows for value in row], **more}


def annotations(people, *names):
    images = [{"id": index, "file_name": name} for index, name in enumerate(names, start=1)]
    return {"info": {}, "images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def test_annotations_with_flags(write, figures):
    rows = figures.rows(score=2)
    rows[1][2], rows[2] = 1, [0, 0, 0]
    file = write(annotations([person(rows), person(figures.rows(score=2, shift=9), 2)], "a.jpg", "b.jpg"))
    keypoints = read_keypoints(file, "a.jpg")
    assert keypoints.format == "coco"
    assert keypoints.confidence[0, :4].tolist() == [1.0, 0.5, 0.0, 1.0]
    for image in ("b.jpg", 2, "2"):
        assert figures.same(read_keypoints(file, image), shift=9)
    with pytest.raises(ValueError, match="covers 2 images with ids 1, 2"):
        read_keypoints(file)


def test_annotations_without_keypoints_are_skipped(write, figures):
    zeros = person([[0, 0, 0]] * 17, iscrowd=1, num_keypoints=0)
    nothing = [{"image_id": 1, "bbox": [1, 2, 3, 4]}, {"image_id": 1, "keypoints": None}, person([]), zeros]
    file = write(annotations([*nothing, person(figures.rows(score=2))], "a.jpg"))
    assert len(read_keypoints(file, "a.jpg")) == 1
    for people in (nothing, nothing[:1], nothing[-1:]):
        with pytest.raises(ValueError, match="the file contains no person"):
            read_keypoints(write(people), "a.jpg")


@pytest.mark.parametrize("scale", [1, 100])
def test_lists_of_results(write, figures, scale):
    rows = figures.rows(score=0.9 * scale)
    keypoints = read_keypoints(write([person(rows, score=0.8)]), "photo.jpg")
    assert figures.same(keypoints)
    assert keypoints.confidence == pytest.approx(0.9)
    assert figures.same(read_keypoints(write(person(rows))))


@pytest.mark.parametrize(("order", "more"), [("halpe", 0), ("halpe", 110), ("coco_feet", 110)])
def test_results_of_alphapose_and_wholebody(write, figures, order, more):
    people = [person(figures.rows(order, more=more, shift=shift), f"{shift}.jpg", idx=[0.0]) for shift in (0, 5)]
    keypoints = read_keypoints(write(people), "5.jpg")
    assert keypoints.format == "openpose"
    assert figures.same(keypoints, shift=5)


def test_annotations_of_wholebody_with_feet_apart(write, figures):
    rows = figures.rows("coco_feet", score=2)
    feet = [value for row in rows[17:] for value in row]
    file = annotations([person(rows[:17], foot_kpts=feet, face_kpts=[0] * 204)], "a.jpg")
    keypoints = read_keypoints(write(file), "a.jpg")
    assert keypoints.format == "openpose"
    assert figures.same(keypoints)
    assert keypoints.seen.all()


def test_nested_rows_and_image_names(write, figures):
    people = [{"image_name": name, "keypoints": figures.rows(shift=shift)} for name, shift in (("a.jpg", 0), ("b", 7))]
    assert figures.same(read_keypoints(write(people), "b.jpg"), shift=7)


@pytest.mark.parametrize("images", [True, 5, {"a": 1}, [None, 3, {"id": 1, "file_name": 5}, {}]])
def test_invalid_tables_are_rejected(write, figures, images):
    file = annotations([person(figures.rows())]) | {"images": images}
    assert figures.same(read_keypoints(write(file), "photo.jpg"))


@pytest.mark.parametrize("image", [[1], {}, True, 1.5])
def test_invalid_ids_are_rejected(write, figures, image):
    with pytest.raises(ValueError, match="image_id must be a number or text"):
        read_keypoints(write([person(figures.rows(), image)]), "photo.jpg")


@pytest.mark.parametrize("what", [None, 3, "x", {}])
def test_invalid_annotations_are_rejected(write, what):
    with pytest.raises(ValueError, match="neither OpenPose JSON"):
        read_keypoints(write({"annotations": what}))


@pytest.mark.parametrize(
    ("stated", "scale"),
    [
        ((4000, 3000), 0.5),
        ((2000, 1500), 1),
        ((1000, 750), 2),
        ((640, 640), 1),
        ((20, 15), 1),
        ((0, 0), 1),
        (("a", 3), 1),
    ],
)
def test_keypoints_of_an_image_that_was_resized_follow_its_size(write, figures, stated, scale):
    """By the table of images, unless its size has other proportions or the keypoints are outside it."""
    file = annotations([person(figures.rows(score=2))], "a.jpg")
    file["images"][0] |= {"width": stated[0], "height": stated[1]}
    plain = read_keypoints(write(annotations([person(figures.rows(score=2))], "a.jpg")), "a.jpg", (2000, 1500))
    found = read_keypoints(write(file), "a.jpg", (2000, 1500))
    assert plain.xy.max() < 750
    np.testing.assert_allclose(found.xy, scale * plain.xy)
