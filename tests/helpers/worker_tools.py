"""Work for processes that load no TensorFlow."""

import os
import signal
import time


def die(task, tick):
    os.kill(os.getpid(), signal.SIGKILL)


def work_forever(task, tick):
    while True:
        time.sleep(0.01)
        tick()
