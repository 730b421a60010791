PYTHON ?= python3
VENV ?= .venv
PHOTO ?= assets/walk_side.jpg
OUT ?= out
SHAPES = $(addprefix tests/qposer/,body_pose prior/test_denoiser.py prior/test_diffusion.py prior/test_classifiers.py \
  prior/test_latent_space.py prior/test_model.py prior/test_quantizer.py control/test_collisions.py \
  control/test_anatomy.py control/test_constraints.py control/test_edits.py control/test_inverse_kinematics.py \
  control/test_measures.py \
  data/test_readers.py data/test_retarget.py data/test_stance.py evaluation io/test_npz.py test_vposer.py \
  hands training/test_corruptions.py training/test_rig_variation.py test_least_squares.py) \
  $(addprefix tests/fitting/,hands body/test_body.py body/test_landmarks.py inputs/keypoint_files inputs/test_camera.py \
  inputs/test_keypoints.py optimise/test_landmark_jacobian.py \
  optimise/test_levenberg_marquardt.py optimise/test_placement.py \
  optimise/test_pose_space.py optimise/test_regressor.py output/test_amass.py output/test_bvh.py \
  output/test_gltf.py output/test_pictures.py output/test_skinning.py output/test_smplifyx.py \
  training/test_detector_errors.py video/test_frame_times.py video/test_clip_problem.py \
  video/test_tracking.py terms evaluation/test_h36m.py)

.PHONY: fit test check shapes dist wheel-test docs clean

fit: $(VENV)/installed  ## fit a body to PHOTO and say where the pictures are
	$(VENV)/bin/python demos/fit_image.py $(PHOTO) --out $(OUT)

test: $(VENV)/developing  ## run the tests
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest --numprocesses 2 --dist loadfile --durations 10

check: $(VENV)/developing  ## lint, types, docstrings, sizes and licences
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m tools.docstrings
	$(VENV)/bin/python -m tools.sizes
	$(VENV)/bin/python -m tools.licences requirements.txt

shapes: $(VENV)/developing  ## fast tests with the annotations checked at every call, shapes included
	$(VENV)/bin/python -m pytest -p tools.shape_checks $(SHAPES)

dist: $(VENV)/developing  ## build the wheel and the source distribution
	$(VENV)/bin/python -m hatchling build -d dist

wheel-test: $(VENV)/developing  ## build the wheel, install it into fresh environments, run it there
	$(VENV)/bin/pytest tests/test_wheel.py

docs: $(VENV)/documenting  ## the documentation as static HTML, in build/html
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going -q docs build/html

# Not compiled ahead: Python compiles what a fit imports, and the rest is 180 MB. PyTorch's own tests are 130 MB.
$(VENV)/installed: requirements-fit.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --no-compile -r requirements-fit.txt
	rm -rf $(VENV)/lib/python*/site-packages/torch/test $(VENV)/lib/python*/site-packages/torch/bin/test_*
	touch $@

$(VENV)/developing: $(VENV)/installed requirements.txt requirements-dev.txt
	$(VENV)/bin/pip install --quiet -r requirements-dev.txt
	-$(VENV)/bin/python -m compileall -qq $(VENV)/lib
	touch $@

$(VENV)/documenting: $(VENV)/installed requirements.txt requirements-docs.txt
	$(VENV)/bin/pip install --quiet -r requirements-docs.txt
	touch $@

clean:  ## remove the environment, what was built, and what the commands wrote
	rm -rf $(VENV) out build dist
