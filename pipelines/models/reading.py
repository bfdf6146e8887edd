"""Reading order of the letters that an image shows, and where spaces stand between them."""

from __future__ import annotations

import numpy as np

LEAST = 0.12  # letters expected from which one counts as there
FAINT = 0.08  # below it a box counts as empty
ONE = 1.6  # letters expected up to which there is one
NEARER = 0.36  # share of the usual distance up to which two letters of a line are one
TOGETHER = 4  # boxes in which one letter is expected at most
MOST = 96  # letters of an image that are read
CLOSE = 1.6  # times their usual distance up to which letters of a line count as neighbours in a word
FURTHER = 0.15  # em by which letters stand further apart than in a word where there is a space between them


def reading_order(there: np.ndarray) -> list[list[list[int]]]:
    """The letters of an image, line by line, at most MOST, each as the boxes that it is expected in, likeliest first.

    A letter whose centre lies near an edge is expected in two boxes or four. So neighbours count as one as long as no
    more than ONE letter is expected in them: two rows for a whole line, two columns for a letter; and so do letters of
    a line that are much NEARER to each other than its letters usually are.

    Args:
        there: (rows, columns) probability of a letter in each box.

    Returns:
        For each line that has letters, for each of them, places in the flattened array, at most TOGETHER.
    """
    columns = there.shape[1]
    out: list[list[list[int]]] = []
    row, left = 0, MOST
    while row < len(there) and left > 0:
        high = 1 + (row + 1 < len(there) and one_line(there, row))
        sums = there[row : row + high].sum(0)
        line = []
        for first, last in merged(letters_of(sums), sums)[:left]:
            boxes = [(r, c) for r in range(row, row + high) for c in range(first, last)]
            boxes.sort(key=lambda rc: -there[rc])
            line.append([r * columns + c for r, c in boxes[:TOGETHER]])
        if line:
            out.append(line)
        left -= len(line)
        row += high
    return out


def spaces(centres: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Whether there is a space before each letter of a line (n,) bool.

    Neighbours in a word stand as far apart as they are wide, and how large an em of the line is shows in the usual one:
    so a line of two letters has none, one of three seldom, and where letters are hardly wider than the unit that their
    places are rounded to, it is a guess.

    Args:
        centres: (n,) where letters stand, in any unit, ascending. widths: (n,) of such letters in em, above 0.
    """
    out = np.zeros(len(centres), bool)
    if len(centres) > 1:
        apart, wide = np.diff(centres), (widths[1:] + widths[:-1]) / 2
        em = np.median(apart / wide)
        for _ in range(2):  # without the spaces
            em = np.median((apart / wide)[apart <= CLOSE * em * wide])
        out[1:] = apart > (wide + FURTHER) * em
    return out


def letters_of(sums: np.ndarray) -> list[tuple[int, int]]:
    """First column and the one after the last of each letter of a line; sums (columns,): letters expected there."""
    out, column = [], 0
    while column < len(sums):
        pair = sums[column : column + 2]
        wide = 1 + (len(pair) > 1 and pair[1] > FAINT and pair.sum() <= ONE)
        if sums[column] > FAINT and sums[column : column + wide].sum() >= LEAST:
            out.append((column, column + wide))
            column += wide
        else:
            column += 1
    return out


def merged(letters: list[tuple[int, int]], sums: np.ndarray) -> list[tuple[int, int]]:
    """Letters of a line, those that are too near to be two made one; from three letters on it is known what is near."""
    while len(letters) > 2:
        centres = [np.average(np.arange(a, b), weights=sums[a:b]) for a, b in letters]
        gaps = np.diff(centres)
        k = int(gaps.argmin())
        if gaps[k] > NEARER * np.median(gaps):
            break
        letters = [*letters[:k], (letters[k][0], letters[k + 1][1]), *letters[k + 2 :]]
    return letters


def one_line(there: np.ndarray, row: int) -> bool:
    """Whether a row of boxes and the next one hold one line of text, and the next one is not more of the one after."""
    pair = there[row : row + 3]
    if pair[0].max() <= FAINT or pair[1].max() <= FAINT or crowd(pair[0], pair[1]) > ONE:
        return False
    return len(pair) < 3 or pair[2].sum() <= pair[0].sum() or crowd(pair[1], pair[2]) > ONE


def crowd(upper: np.ndarray, lower: np.ndarray) -> float:
    """Letters that are expected in two rows of boxes (columns,) at a place where there is any: about 1 in one line."""
    near = [np.maximum(np.maximum(r, np.pad(r[1:], (0, 1))), np.pad(r[:-1], (1, 0))) for r in (upper, lower)]
    first, second = (x > FAINT for x in (upper, lower))
    sums = np.concatenate([(upper + near[1])[first], (lower + near[0])[second]])
    return float(sums.mean()) if len(sums) else 0.0
