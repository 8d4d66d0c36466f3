"""Draw the golden pictures again; look at them before committing."""

from __future__ import annotations

from tests.publication.test_golden import FIGURES, GOLDEN, png


def main() -> None:
    """Write one PNG per figure."""
    for figure in FIGURES:
        study_id, regime, table = figure
        (GOLDEN / f"{table}-{regime}.png").write_bytes(png(study_id, regime, table))


if __name__ == "__main__":
    main()
