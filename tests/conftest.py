import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("same examples every time", derandomize=True, deadline=None)
settings.load_profile("same examples every time")
