"""The command-line programs of notebooks/scripts, run as a user runs them: one process after another."""

from __future__ import annotations

import errno
import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import child_environment

import pmemobj
from pmemobj._files import pool_file
from pmemobj._format import ROOT_STATE, STATE_OPEN, WORD

pytestmark = pytest.mark.once

SCRIPTS = Path(__file__).parents[2] / "notebooks" / "scripts"
PATIENCE = 30
once = pytest.mark.once

NAME_QUESTION = "Hello, what is your name? "


@dataclass(frozen=True)
class Game:
    """One of the two versions of the game that is played command by command."""

    start: str
    guess: str
    file: str
    variable: str


DICT = Game("start_guessing.py", "guess.py", "guess.pmem", "GUESS_POOL")
CLASS = Game("start_guessing2.py", "guess2.py", "guess2.pmem", "GUESS2_POOL")
both_games = pytest.mark.parametrize("game", [DICT, CLASS], ids=["dict", "class"])


class Shell:
    """A shell in an empty directory, with somebody who types commands and reads what comes back."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def environment(self, changes: dict[str, str]) -> dict[str, str]:
        return child_environment(**changes)

    def run(self, *command: str, typed: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            input=typed,
            cwd=self.directory,
            env=self.environment(env),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def __call__(self, script: str, *arguments: object, typed: str = "", **env: str) -> str:
        """What the command prints; it must succeed without a complaint."""
        done = self.run(sys.executable, str(SCRIPTS / script), *map(str, arguments), typed=typed, **env)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def refused(self, script: str, *arguments: object, typed: str = "", **env: str) -> str:
        """The one line of complaint with which the command must fail."""
        done = self.run(sys.executable, str(SCRIPTS / script), *map(str, arguments), typed=typed, **env)
        assert done.returncode in (1, 2), done
        assert re.fullmatch(r"[^\n]+\n", done.stderr), done
        return done.stderr

    def run_killed(self, script: str, *arguments: object, at: str, typed: str = "") -> None:
        """Run a command that is killed with SIGKILL when it calls the function named `at`, module.function."""
        code = (
            "import os, runpy, signal, sys\n"
            "sys.argv = sys.argv[1:]\n"
            "sys.path[0] = os.path.dirname(sys.argv[0])\n"
            f"import {at.split('.')[0]}\n"
            f"{at} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        done = self.run(sys.executable, "-c", code, str(SCRIPTS / script), *map(str, arguments), typed=typed)
        assert done.returncode == -signal.SIGKILL, done

    def files(self) -> list[str]:
        return sorted(os.listdir(self.directory))


@pytest.fixture
def shell(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for variable in ("HELLO_POOL", "GUESS_POOL", "GUESS2_POOL"):
        monkeypatch.delenv(variable, raising=False)
    # So that this process, too, finds the class guess_lib:Guesser.
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return Shell(scratch)


@dataclass(frozen=True)
class State:
    """What a pool says about a game."""

    name: str
    number: int
    guesses: list[int]
    outcome: str | None
    recovered: bool = False


def state_of(path: Path) -> State:
    with pmemobj.open(path) as pool:
        root = pool.root
        values = root if isinstance(root, pmemobj.PersistentDict) else {name: getattr(root, name) for name in dir(root)}
        return State(
            values["name"], values["number"], list(values["guesses"]), values.get("outcome"), recovered=pool.recovered
        )


def wrong_number(path: Path) -> int:
    """A guess that does not end the game."""
    return state_of(path).number % 50 + 1


def search(make_guess: Callable[[int], str]) -> tuple[list[str], str]:
    """Play by halving the range; what was said to the wrong guesses, and at last to the right one."""
    low, high = 1, 50
    answers: list[str] = []
    while True:
        assert low <= high, f"the answers contradict each other: {answers}"
        guess = (low + high) // 2
        answer = make_guess(guess)
        if answer == "Your guess is too low.\n":
            low = guess + 1
        elif answer == "Your guess is too high.\n":
            high = guess - 1
        else:
            return answers, answer
        answers.append(answer)


def tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"


# ---- hello ---------------------------------------------------------------------------------------


def test_hello_asks_once_and_remembers(shell: Shell) -> None:
    assert shell("hello.py", typed="David\n") == "What is your name? Hello, David\n"
    assert shell("hello.py", typed="Maria\n") == "Hello, David\n"
    assert shell("hello.py") == "Hello, David\n"
    assert shell.files() == ["hello.pmem"]
    assert (shell.directory / "hello.pmem").stat().st_size == 16 << 20


@once
def test_hello_without_a_name_asks_again(shell: Shell) -> None:
    for nothing in ("", "\n", "   \n"):
        assert "I did not get a name" in shell.refused("hello.py", typed=nothing)
    assert shell("hello.py", typed="  Zoë 李 \n") == "What is your name? Hello, Zoë 李\n"
    assert shell("hello.py") == "Hello, Zoë 李\n"


@once
def test_hello_killed_at_the_question_asks_again(shell: Shell) -> None:
    shell.run_killed("hello.py", at="builtins.input")
    assert shell("hello.py", typed="David\n") == "What is your name? Hello, David\n"


@once
def test_hello_says_what_is_wrong_with_its_file(shell: Shell) -> None:
    assert "there is no directory" in shell.refused("hello.py", HELLO_POOL="nowhere/hello.pmem")
    (shell.directory / "hello.pmem").write_text("Dear diary")
    assert "does not begin like a libpmemobj pool" in shell.refused("hello.py")
    assert (shell.directory / "hello.pmem").read_text() == "Dear diary"


# ---- the game in one run -------------------------------------------------------------------------


@once
def test_normal_guess_asks_again_after_wrong_input_and_counts_only_guesses(shell: Shell) -> None:
    numbers = "".join(f"{number}\n" for number in range(1, 51))
    said = shell("normal_guess.py", typed="David\n" + "abc\n0\n51\n\n2.5\n" + numbers)
    start = f"{NAME_QUESTION}David, I've picked a number between 1 and 50.\n"
    again = "Take a guess.\n> Type one whole number between 1 and 50.\n" * 5
    low = "Take a guess.\n> Your guess is too low.\n"
    count = said.count(low) + 1
    assert 1 <= count <= 50
    assert said == (
        start + again + low * (count - 1) + f"Take a guess.\n> You guessed my number in {tries(count)}, David.\n"
    )
    assert shell.files() == []


@once
def test_normal_guess_needs_a_name_and_an_end(shell: Shell) -> None:
    assert "without a name" in shell.refused("normal_guess.py", typed="\n")
    assert "it is lost" in shell.refused("normal_guess.py", typed="")
    assert "it is lost" in shell.refused("normal_guess.py", typed="David\n0\n")


# ---- a whole game, command by command ------------------------------------------------------------


@both_games
def test_a_whole_game(shell: Shell, game: Game) -> None:
    assert shell(game.start, typed="David\n") == (
        f"{NAME_QUESTION}David, I've picked a number between 1 and 50.\n"
        f"Type 'python {game.guess}' followed by your guess at the prompt.\n"
    )
    assert shell.files() == [game.file]
    assert (shell.directory / game.file).stat().st_size == 16 << 20

    answers, end = search(lambda guess: shell(game.guess, guess))
    assert end == f"You guessed my number in {tries(len(answers) + 1)}, David.\n"
    assert len(answers) < 6

    assert shell.files() == []
    assert f"no game in {game.file}. Start one: python {game.start}" in shell.refused(game.guess, 25)
    assert "David" not in shell(game.start, typed="Maria\n")


@once
@both_games
def test_numbers_differ_and_keep_to_the_range(shell: Shell, game: Game) -> None:
    numbers = set()
    for _ in range(4):
        shell(game.start, typed="David\n")
        numbers.add(state_of(shell.directory / game.file).number)
        (shell.directory / game.file).unlink()
    assert len(numbers) > 1
    assert numbers <= set(range(1, 51))


@once
@pytest.mark.parametrize(
    ("game", "lines"),
    [
        (DICT, [[], ["25", "26"], ["abc"], ["2.5"], ["0"], ["51"], ["-5"], ["--help"], ["9" * 5000]]),
        (CLASS, [[], ["25", "26"], ["abc"], ["51"]]),
    ],
    ids=["dict", "class"],
)
def test_wrong_command_lines_are_refused_and_change_nothing(shell: Shell, game: Game, lines: list[list[str]]) -> None:
    shell(game.start, typed="David\n")
    path = shell.directory / game.file
    before = path.read_bytes()
    for arguments in lines:
        complaint = shell.refused(game.guess, *arguments)
        assert complaint == f"Give one whole number between 1 and 50, like this: python {game.guess} 25\n"
        assert path.read_bytes() == before


@once
@both_games
def test_a_second_start_is_refused_before_it_asks(shell: Shell, game: Game) -> None:
    shell(game.start, typed="David\n")
    path = shell.directory / game.file
    shell(game.guess, wrong_number(path))
    before = path.read_bytes()
    done = shell.run(sys.executable, str(SCRIPTS / game.start), typed="Maria\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"There is a game in {game.file} already. Go on with it: python {game.guess}" in done.stderr
    assert path.read_bytes() == before


@once
@both_games
@pytest.mark.parametrize("nothing", ["", " \n"], ids=["end", "blank"])
def test_no_name_starts_no_game(shell: Shell, game: Game, nothing: str) -> None:
    assert shell.refused(game.start, typed=nothing) == "There is no game without a name.\n"
    assert shell.files() == []


@once
@both_games
def test_commands_wait_for_no_busy_pool(shell: Shell, game: Game) -> None:
    shell(game.start, typed="David\n")
    path = shell.directory / game.file
    guess = wrong_number(path)
    with pmemobj.open(path):
        assert "is open already" in shell.refused(game.guess, guess)
    shell(game.guess, guess)
    assert state_of(path).guesses == [guess]


@once
@both_games
def test_the_pool_may_be_elsewhere(shell: Shell, game: Game) -> None:
    (shell.directory / "games").mkdir()
    elsewhere = {game.variable: "games/mine.pmem"}
    shell(game.start, typed="David\n", **elsewhere)
    assert shell.files() == ["games"]
    path = shell.directory / "games" / "mine.pmem"
    guess = wrong_number(path)
    shell(game.guess, guess, **elsewhere)
    assert state_of(path).guesses == [guess]
    assert "no game" in shell.refused(game.guess, guess)
    assert "no directory" in shell.refused(game.start, typed="David\n", **{game.variable: "nowhere/mine.pmem"})


@once
def test_the_two_games_do_not_disturb_each_other(shell: Shell) -> None:
    one, two = shell.directory / DICT.file, shell.directory / CLASS.file
    shell(DICT.start, typed="David\n")
    shell(CLASS.start, typed="Maria\n")
    shell(DICT.guess, first := wrong_number(one))
    untouched = two.read_bytes()
    shell(DICT.guess, first)
    assert two.read_bytes() == untouched
    untouched = one.read_bytes()
    shell(CLASS.guess, second := wrong_number(two))
    assert one.read_bytes() == untouched
    assert (state_of(one).name, state_of(one).guesses) == ("David", [first, first])
    assert (state_of(two).name, state_of(two).guesses) == ("Maria", [second])
    assert shell(DICT.guess, state_of(one).number) == "You guessed my number in 3 tries, David.\n"
    assert shell.files() == [CLASS.file]
    assert shell(CLASS.guess, state_of(two).number) == "You guessed my number in 2 tries, Maria.\n"
    assert shell.files() == []


# ---- the version with a class --------------------------------------------------------------------


@once
def test_game_status_in_every_state(shell: Shell) -> None:
    path = shell.directory / CLASS.file
    assert "no game in guess2.pmem" in shell.refused("game_status.py")
    shell(CLASS.start, typed="David\n")
    assert shell("game_status.py") == "David, you have not guessed yet.\n"

    guesses, number = [1, 50, 24, 26], 25
    with pmemobj.open(path) as pool:
        pool.root.number = number
    lines = [f"{guess:4} is too {'low' if guess < number else 'high'}\n" for guess in guesses]
    for count, guess in enumerate(guesses, 1):
        assert shell(CLASS.guess, guess) == f"Your guess is too {'low' if guess < number else 'high'}.\n"
        if count == 1:
            assert shell("game_status.py") == "David, you have made 1 guess:\n" + lines[0]
    before = state_of(path)
    assert shell("game_status.py") == f"David, you have made {len(guesses)} guesses:\n" + "".join(lines)
    assert state_of(path) == before

    assert shell(CLASS.guess, number) == f"You guessed my number in {len(guesses) + 1} tries, David.\n"
    assert "no game in guess2.pmem" in shell.refused("game_status.py")


@once
def test_the_class_is_known_by_the_name_of_its_module(shell: Shell) -> None:
    shell(CLASS.start, typed="David\n")
    with pmemobj.open(shell.directory / CLASS.file) as pool:
        assert (type(pool.root).__module__, type(pool.root).__qualname__) == ("guess_lib", "Guesser")
        assert isinstance(pool.root.guesses, pmemobj.PersistentList)


@once
@pytest.mark.parametrize("script", ["guess2.py", "game_status.py"])
def test_another_pool_is_no_game(shell: Shell, script: str) -> None:
    arguments = ("25",) if script == "guess2.py" else ()
    shell("hello.py", typed="David\n")
    assert "holds something else" in shell.refused(script, *arguments, GUESS2_POOL="hello.pmem")
    assert shell("hello.py") == "Hello, David\n"
    (shell.directory / CLASS.file).write_text("Dear diary")
    assert "does not begin like a libpmemobj pool" in shell.refused(script, *arguments)
    assert (shell.directory / CLASS.file).read_text() == "Dear diary"


@once
def test_the_pool_of_another_program_is_told_and_kept(shell: Shell) -> None:
    shell("hello.py", typed="David\n")
    assert "holds something else than this game" in shell.refused("guess.py", 25, GUESS_POOL="hello.pmem")
    assert shell("hello.py") == "Hello, David\n"
    shell(DICT.start, typed="David\n")
    shell(CLASS.start, typed="David\n")
    for game in (DICT, CLASS):
        before = state_of(shell.directory / game.file)
        assert re.search("another program|not defined|no class", shell.refused("hello.py", HELLO_POOL=game.file))
        assert state_of(shell.directory / game.file) == before
    assert re.search("something else|not defined|no class", shell.refused("guess.py", 25, GUESS_POOL=CLASS.file))
    with pmemobj.create(shell.directory / "part.pmem", pool_size=16 << 20) as pool:
        pool.root = pool.new(pmemobj.PersistentDict, name="David", number=5, guesses=7)
    assert "something else" in shell.refused("guess.py", 25, GUESS_POOL="part.pmem")
    assert "part.pmem" in shell.files()


@once
def test_a_guess_and_its_outcome_are_noted_together(shell: Shell) -> None:
    shell(CLASS.start, typed="David\n")
    path = shell.directory / CLASS.file
    shell(CLASS.guess, guess := wrong_number(path))
    before = state_of(path)
    # In the transaction, between the guess and its outcome.
    shell.run_killed(CLASS.guess, before.number, at="guess_lib.Guesser.compare")
    after = state_of(path)
    assert after.recovered
    assert (after.guesses, after.outcome) == ([guess], before.outcome)
    assert shell(CLASS.guess, before.number) == "You guessed my number in 2 tries, David.\n"


# ---- killed on the way ---------------------------------------------------------------------------


@once
@pytest.mark.parametrize(
    ("game", "command"),
    [(DICT, ["guess.py", "25"]), (CLASS, ["guess2.py", "25"]), (CLASS, ["game_status.py"])],
    ids=["dict", "class", "status"],
)
def test_a_game_that_was_not_set_up_completely(shell: Shell, game: Game, command: list[str]) -> None:
    shell.run_killed(game.start, at="random.randint", typed="David\n")
    assert shell.files() == [game.file]
    assert f"There is a game in {game.file}" in shell.refused(game.start)
    complaint = shell.refused(*command)
    assert f"{game.file} was not set up completely, so I deleted it. Start over: python {game.start}" in complaint
    assert shell.files() == []
    shell(game.start, typed="David\n")
    assert state_of(shell.directory / game.file).guesses == []


@once
@both_games
def test_killed_at_the_question_for_the_name(shell: Shell, game: Game) -> None:
    shell.run_killed(game.start, at="builtins.input")
    assert shell.files() == []
    assert "David, I've picked a number" in shell(game.start, typed="David\n")


@once
@both_games
def test_a_won_game_that_could_not_remove_its_file(shell: Shell, game: Game) -> None:
    shell(game.start, typed="David\n")
    path = shell.directory / game.file
    number, wrong = state_of(path).number, wrong_number(path)
    shell(game.guess, wrong)
    shell.run_killed(game.guess, number, at="os.remove")
    assert state_of(path).guesses == [wrong, number]
    if game is CLASS:
        assert f"{number:4} is right\n" in shell("game_status.py")
    assert shell(game.guess, wrong) == "You guessed my number in 2 tries, David.\n"
    assert shell.files() == []


@both_games
def test_kills_at_random_moments_lose_nothing(shell: Shell, game: Game) -> None:
    chance = random.Random(20)
    path = shell.directory / game.file
    shell(game.start, typed="David\n")
    number = state_of(path).number
    wrong = [guess for guess in range(1, 51) if guess != number]

    noted: list[int] = []
    turns = recoveries = 0
    while turns < 12 or recoveries < 3:
        assert turns < 60, "too few kills met an open pool, so nothing was tested"
        guess = chance.choice(wrong)
        with start_guess(shell, game, guess) as process:
            # Most of a program's life goes by before it opens the pool, so most kills wait for that.
            if turns % 4 == 0:
                time.sleep(chance.uniform(0, 0.2))
            else:
                wait_until_open(process, path)
                time.sleep(chance.uniform(0, 0.006))
            process.kill()
        found = state_of(path)
        assert found.guesses in (noted, [*noted, guess])
        noted = found.guesses
        assert (found.name, found.number) == ("David", number)
        if game is CLASS:
            assert found.outcome == ("" if not noted else "too low" if noted[-1] < number else "too high")
        turns += 1
        recoveries += found.recovered
    assert shell(game.guess, number) == f"You guessed my number in {tries(len(noted) + 1)}, David.\n"


def start_guess(shell: Shell, game: Game, guess: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPTS / game.guess), str(guess)],
        cwd=shell.directory,
        env=shell.environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until_open(process: subprocess.Popen[bytes], path: Path) -> None:
    """Return when a process has marked a pool as open, or has ended."""
    deadline = time.monotonic() + PATIENCE
    at = pool_file.identify(str(path)).root_offset + ROOT_STATE
    # The mark is read from the file; seeing it mapped is too soon, since most of the opening comes after that.
    with path.open("rb", buffering=0) as file:
        while process.poll() is None and os.pread(file.fileno(), WORD, at) != STATE_OPEN.to_bytes(WORD, "little"):
            assert time.monotonic() < deadline, "the program neither opened its pool nor ended"
            time.sleep(0.0002)


# ---- at a real terminal --------------------------------------------------------------------------


class Terminal:
    """A program at a pseudo-terminal of its own, where Ctrl-C is a key."""

    CTRL_C, CTRL_D = "\x03", "\x04"

    def __init__(self, shell: Shell, script: str) -> None:
        self._screen, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPTS / script)],
            cwd=shell.directory,
            env=shell.environment({"PYTHONIOENCODING": "utf-8:strict"}),
            preexec_fn=lambda: os.login_tty(theirs),
        )
        os.close(theirs)
        self._unread = ""

    def read_to(self, text: str) -> str:
        """What appears up to and with `text`."""
        while text not in self._unread:
            more = self._read()
            assert more, f"the program ended before it showed {text!r}; it showed {self._unread!r}"
            self._unread += more
        end = self._unread.index(text) + len(text)
        shown, self._unread = self._unread[:end], self._unread[end:]
        return shown

    def type(self, keys: str | bytes) -> None:
        """Type when the program waits for it: `input` misses a Ctrl-C between showing the prompt and reading."""
        deadline = time.monotonic() + PATIENCE
        while not self._is_reading():
            assert time.monotonic() < deadline, "the program reads nothing"
        os.write(self._screen, keys if isinstance(keys, bytes) else keys.encode())

    def end(self) -> tuple[int, str]:
        """The exit code, and what appeared since the last reading."""
        while more := self._read():
            self._unread += more
        return self._process.wait(PATIENCE), self._unread

    def close(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._screen)

    def _is_reading(self) -> bool:
        """Whether the program sleeps in a system call on its file 0, the keyboard."""
        try:
            return Path(f"/proc/{self._process.pid}/syscall").read_text().split()[1:2] == ["0x0"]
        except OSError:  # not shown on this system, so any sleep must do
            return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    def _read(self) -> str:
        ready, _, _ = select.select([self._screen], [], [], PATIENCE)
        assert ready, f"nothing happened for {PATIENCE} s after {self._unread!r}"
        try:
            return os.read(self._screen, 4096).decode(errors="replace").replace("\r\n", "\n")
        except OSError as error:
            if error.errno != errno.EIO:  # which means that the other end is closed
                raise
            return ""


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Callable[[str], Terminal]]:
    opened: list[Terminal] = []

    def run(script: str) -> Terminal:
        opened.append(Terminal(shell, script))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


@once
def test_hello_at_a_terminal(terminal: Callable[[str], Terminal]) -> None:
    first = terminal("hello.py")
    assert first.read_to("? ") == "What is your name? "
    first.type("David\n")
    assert first.end() == (0, "David\nHello, David\n")
    assert terminal("hello.py").end() == (0, "Hello, David\n")


@once
@pytest.mark.parametrize(
    "keys",
    ["Dav" + Terminal.CTRL_C, Terminal.CTRL_D, b"\xff\n"],
    ids=["ctrl-c", "ctrl-d", "bytes"],
)
@pytest.mark.parametrize("script", ["hello.py", "start_guessing.py", "start_guessing2.py"])
def test_no_name_from_the_keyboard(
    shell: Shell, terminal: Callable[[str], Terminal], script: str, keys: str | bytes
) -> None:
    complaint = (
        "I did not get a name, so I will ask again next time."
        if script == "hello.py"
        else "There is no game without a name."
    )
    started = terminal(script)
    started.read_to("your name? ")
    started.type(keys)
    code, shown = started.end()
    assert code == 1
    *echo, last = shown.splitlines()
    assert last == complaint
    # The complaint has a line of its own, and is all that is said.
    assert echo and set("".join(echo)) <= set("^CDav\N{REPLACEMENT CHARACTER}")
    again = terminal(script)
    again.read_to("your name? ")


@once
def test_normal_guess_at_a_terminal(shell: Shell, terminal: Callable[[str], Terminal]) -> None:
    game = terminal("normal_guess.py")
    assert game.read_to("? ") == NAME_QUESTION
    game.type("David\n")
    assert game.read_to("> ") == "David\nDavid, I've picked a number between 1 and 50.\nTake a guess.\n> "

    def make_guess(guess: int) -> str:
        game.type(f"{guess}\n")
        assert game.read_to("\n") == f"{guess}\n"
        answer = game.read_to("\n")
        if answer.startswith("Your guess"):
            assert game.read_to("> ") == "Take a guess.\n> "
        return answer

    answers, end = search(make_guess)
    assert end == f"You guessed my number in {tries(len(answers) + 1)}, David.\n"
    assert game.end() == (0, "")


@once
@pytest.mark.parametrize("keys", [Terminal.CTRL_C, Terminal.CTRL_D], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize("question", ["? ", "> "], ids=["name", "guess"])
def test_normal_guess_is_lost_when_it_is_left(terminal: Callable[[str], Terminal], keys: str, question: str) -> None:
    game = terminal("normal_guess.py")
    if question == "> ":
        game.read_to("? ")
        game.type("David\n")
    game.read_to(question)
    game.type(keys)
    code, shown = game.end()
    assert code == 1
    assert shown in {
        f"{echo}\nYou left the game, so it is lost: nothing of it was stored.\n" for echo in ("", "^C", "^D")
    }


# ---- what lies beside the programs ---------------------------------------------------------------


@once
def test_programs_can_be_run_by_their_name(shell: Shell) -> None:
    programs = [path for path in SCRIPTS.glob("*.py") if path.name != "guess_lib.py"]
    assert len(programs) == 7
    for path in programs:
        assert os.access(path, os.X_OK), path
    search_path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    done = shell.run(str(SCRIPTS / "hello.py"), typed="David\n", PATH=search_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "What is your name? Hello, David\n", "")


@once
def test_the_readme_shows_what_the_programs_say(shell: Shell) -> None:
    readme = (SCRIPTS / "README.md").read_text()
    for path in SCRIPTS.glob("*.py"):
        assert f"`{path.name}`" in readme
    shown = {line.strip() for line in readme.splitlines() if line.startswith("    ")}
    for script in ("hello.py", "start_guessing.py"):
        assert f"$ python {script}" in shown
        question, answer = shell(script, typed="David\n").split("? ", 1)
        assert f"{question}? David" in shown
        assert set(answer.splitlines()) <= shown


@once
def test_the_notebook_and_the_programs_use_the_same_keys() -> None:
    notebook = json.loads((SCRIPTS.parent / "02_guessing_game.ipynb").read_text())
    code = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    keys = re.compile(r"""(?:game|root)\[["'](\w+)["']\]""")
    assert set(keys.findall(code)) == set(keys.findall((SCRIPTS / DICT.start).read_text()))
