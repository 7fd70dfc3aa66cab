import random
import time

from tests.lambda_.retraining.test_storms import chance, play_out


def test_time(new_play):
    rng = random.Random(5)
    t = time.process_time()
    for _ in range(100):
        play = new_play(cooldown=rng.choice((0, 1, 6, 24, 72)), weekly=rng.choice((0, 1, 2, 4)))
        play_out(play, chance(rng))
    open("/tmp/wt/i13-time.txt", "w").write(str((time.process_time() - t) / 100))
