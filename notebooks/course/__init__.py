"""What the notebooks of the course import: what they show, and the checks of their exercises.

| module | what is in it |
|---|---|
| `answers` | how an exercise answers the learner |
| `programs` | begin a notebook without its pools; run the programs in scripts/ |
| `scratch` | a pool for one experiment |
| `stops` | stop code after each of its changes |
| `killer` | the process that kills the programs of notebook 12 |
| `index` | notebook 0: the map of the course |
| `hello` | notebook 1 |
| `guessing_game` | notebook 2 |
| `persistent_objects` | notebook 3: the board of the game |
| `transactions` | notebook 4 |
| `crashes` | notebook 5 |
| `inside_the_pool` | notebook 6 |
| `crash_lab` | notebook 7 |
| `garbage` | notebook 8 |
| `pools_that_move` | notebook 9 |
| `own_class` | notebook 10 |
| `how_fast` | notebook 11 |
| `beside_others` | notebook 12 |
"""

from __future__ import annotations

from course.answers import exercise, not_yet, right
from course.programs import begin_anew, command_line, output_of

__all__ = ["begin_anew", "command_line", "exercise", "not_yet", "output_of", "right"]
