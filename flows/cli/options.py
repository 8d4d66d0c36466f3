"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import UsageError

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A shipped study's id, or the path of a study file.")
]
DataOption = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Folder with the register extracts (ind.csv, dtv.csv, iom.csv).")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="PATH", help="Where to write.")]
HolderOption = Annotated[
    bool,
    typer.Option(
        "--i-am-the-data-holder",
        help="Say that you may see exact numbers or identities; the log records that they were made.",
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="Where the steps run: local, local-cluster[EXECUTORS,CORES,MEGABYTES], or a Spark cluster (spark://HOST:PORT, "
        "yarn, k8s://ADDRESS).",
    ),
]
ReleaseArgument = Annotated[Path, typer.Argument(metavar="RELEASE", help="A release folder.")]


def must_be_holder(said: bool, what: str) -> None:
    """UsageError unless the caller said that they are the data holder."""
    if not said:
        raise UsageError(f"{what} must not leave the data holder; add --i-am-the-data-holder if you are.")


def existing_folder(path: Path, what: str) -> Path:
    """`path`, or a UsageError that says which folder is missing."""
    if not path.is_dir():
        raise UsageError(f"{what} {path} is not a folder; name one that exists.")
    return path
