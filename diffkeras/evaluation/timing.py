"""How the time of a method is measured.

Without a GPU it is CPU time, summed over all threads of the process: the time that one core would
take. So no method gains by using more threads than another, and other programs on the machine
hardly change it. TensorFlow uses all cores for the network; the NumPy methods use one. With a GPU,
whose work takes no CPU time, it is the wall time.
"""

import time
from collections.abc import Callable

import tensorflow as tf


def choose_clock() -> Callable[[], float]:
    """A function that returns seconds."""
    return time.perf_counter if _gpus() else time.process_time


def describe_clock() -> str:
    """What the times are, for tables."""
    if _gpus():
        return "wall time: the network on a GPU, all other methods in one thread of the CPU"
    return "CPU time, summed over all threads: the time that one core would take"


def _gpus() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))
