"""Work in threads: the same results in the same order, however many there are."""

import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from equipoise._kernels.threads import in_threads, map_in_threads


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
def test_results_come_in_order(n_threads):
    assert in_threads(lambda i: i * i, 17, n_threads) == [i * i for i in range(17)]


def test_there_may_be_nothing_to_do():
    assert in_threads(lambda i: i, 0, 2) == []


def test_each_share_has_a_workspace_of_its_own():
    made = []

    def new_workspace():
        made.append([])
        return made[-1]

    map_in_threads(lambda i, space: space.append(i), 10, new_workspace=new_workspace, n_threads=3)
    assert sorted(made) == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]


@pytest.mark.parametrize("task", [0, 1, 4])
def test_an_exception_in_any_share_is_raised_once_all_have_ended(task):
    done = []

    def work(i):
        if i == task:
            raise ZeroDivisionError(f"task {i}")
        done.append(i)

    with pytest.raises(ZeroDivisionError, match=f"task {task}"):
        in_threads(work, 6, 3)
    shares = {first: [i for i in range(first, 6, 3) if i < task] for first in [task % 3]}
    assert set(done) >= {i for i in range(6) if i % 3 != task % 3} | set(shares[task % 3])


def test_work_inside_work_does_not_wait_for_itself():
    assert in_threads(lambda i: sum(in_threads(lambda j: i * j, 4, 8)), 16, 8) == [
        6 * i for i in range(16)
    ]


def test_several_callers_share_the_threads():
    results = {}

    def call(k):
        results[k] = in_threads(lambda i: i + k, 50, 4)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == {k: [i + k for i in range(50)] for k in range(6)}


def _in_a_child(queue):
    queue.put(in_threads(lambda i: i + 1, 5, 2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_forked_child_starts_threads_of_its_own():
    in_threads(lambda i: i, 4, 2)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_a_child, args=(queue,))
    child.start()
    child.join(30)
    alive = child.is_alive()
    if alive:
        child.kill()
    assert not alive
    assert queue.get() == [1, 2, 3, 4, 5]


def test_an_interrupt_does_not_wait_for_tasks_that_were_not_begun():
    begun, interrupted = [], threading.Event()

    def work(i):
        begun.append(i)
        if i == 0:
            interrupted.set()
            raise KeyboardInterrupt
        assert interrupted.wait(30)

    with pytest.raises(KeyboardInterrupt):
        in_threads(work, 400, 4)
    assert len(begun) < 300


def test_threads_that_wait_for_callers_of_their_own_do_not_wait_for_ever():
    def work(i):
        found = []
        caller = threading.Thread(target=lambda: found.append(in_threads(lambda j: i + j, 8, 8)))
        caller.daemon = True
        caller.start()
        caller.join(30)
        return found

    assert in_threads(work, 16, 8) == [[[i + j for j in range(8)]] for i in range(16)]


def test_work_is_done_while_python_ends():
    code = (
        "import atexit\n"
        "from equipoise._kernels.threads import in_threads\n"
        "atexit.register(lambda: print(in_threads(lambda i: i + 1, 4, 2)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.stdout.strip(), ended.stderr) == ("[1, 2, 3, 4]", "")
