"""`make train`: trains the text model that is shipped, rules/packs/commerce.model, and writes its card.

    python benchmarks/train_shipped.py CORPORA [--quick]

CORPORA holds labelled.jsonl (text, spam, source). --quick leaves out the trainings without a source.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from evaluate_model import EVERYDAY, FRESH, LEFT_OUT, SOURCE_WEIGHTS

MODEL = Path(__file__).resolve().parents[1] / "rules" / "packs" / "commerce.model"
REMARKS = {
    "cold": "comments, Apache-2.0; unlabelled for adverts, taken as 0",
    "english_sms": "English short messages; no licence stated",
    "fbs_sms": "short messages from fake base stations, contacts masked; no licence stated",
    "reviews_shop10": "buyers' reviews of ten kinds of goods; no licence stated",
    "sms800k": "short messages, digits masked; its 0s are short fragments; no licence stated",
    "sms800k_6class": "adverts of six kinds of the same platform; no licence stated",
    "weibo_2018": "Weibo posts; unlabelled for adverts, taken as 0; no licence stated",
    "weibo_smp2020": "Weibo posts of the SMP 2020 contest; unlabelled for adverts, taken as 0; no licence stated",
}


def main() -> int:
    """Run `fairpost rules train` as it was run for the shipped model."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpora", type=Path)
    options.add_argument("--quick", action="store_true")
    options.add_argument("-o", "--output", type=Path, default=MODEL)
    chosen = options.parse_args()
    command = [sys.executable, "-m", "fairpost.cli", "rules", "train", str(chosen.corpora / "labelled.jsonl")]
    command += ["--labels", "spam", "--source-column", "source", "-o", str(chosen.output), "--name", "commerce"]
    for source in EVERYDAY:
        command += ["--normal", source]
    for source, weight in SOURCE_WEIGHTS.items():
        command += ["--weight", f"{source}={weight:g}"]
    for source, remark in REMARKS.items():
        command += ["--remark", f"{source}={remark}"]
    if not chosen.quick:
        for group in LEFT_OUT:
            command += ["--leave-out", ",".join(group)]
        for source in FRESH:
            command += ["--fresh", source]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
