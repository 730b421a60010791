import pytest

from fitting.inputs.keypoint_files import read_keypoints


@pytest.fixture
def instance(figures):
    def instance(shift=0.0, order="coco"):
        rows = figures.rows(order, shift=shift)
        return {
            "keypoints": [row[:2] for row in rows],
            "keypoint_scores": [row[2] for row in rows],
            "bbox": [[1.0, 2.0, 3.0, 4.0]],
        }

    return instance


@pytest.mark.parametrize("order", ["coco", "halpe"])
def test_instances_of_one_image(write, figures, instance, order):
    people = [instance(order=order), instance(20, order)]
    wrapped = ({"meta_info": {}, "instance_info": people}, {"predictions": [people]}, [people])
    for file in (people, *wrapped, [{"frame_id": 3, "instances": people}]):
        keypoints = read_keypoints(write(file), "photo.jpg")
        assert len(keypoints) == 2
        assert figures.same(keypoints)


def test_frames(write, figures, instance):
    frames = [{"frame_id": 4 + frame, "instances": [instance(frame)]} for frame in range(3)]
    frames.append({"frame_id": 9, "instances": []})
    for file in (frames, {"instance_info": frames}):
        assert figures.same(read_keypoints(write(file), "000005.jpg"), shift=1)
        with pytest.raises(ValueError, match=r"no person for the image '000009\.jpg'"):
            read_keypoints(write(file), "000009.jpg")
        with pytest.raises(ValueError, match="covers 3 images with ids 4, 5, 6"):
            read_keypoints(write(file))


def test_lists_of_instances_count_from_0(write, figures, instance):
    assert figures.same(read_keypoints(write([[], [instance(5)], [instance()]]), "frame1.png"), shift=5)


def test_keypoints_in_space_are_refused(write, instance):
    person = instance()
    person["keypoints"] = [[*xy, 1.0] for xy in person["keypoints"]]
    with pytest.raises(ValueError, match="keypoints have 3 coordinates and a score: give 2D"):
        read_keypoints(write([person]))


@pytest.mark.parametrize("instances", [None, 3, ["x"], {}])
def test_invalid_instances_are_rejected(write, instances):
    with pytest.raises(ValueError, match="instances must be a list of objects"):
        read_keypoints(write([{"instances": instances}]))
