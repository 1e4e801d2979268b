"""Training of the text model: labelled posts and rules in, a model file and its card out. See docs/model.md.

What needs scikit-learn is imported where it is used: reading a model file does not.
"""

from ..model_file import InvalidModel, describe_model, load_model, model_bytes
from .card import model_card
from .evaluation import evaluate, leave_out, measured
from .fitting import Fitted, fit
from .posts import CASES, OURS, UNLABELLED, WRITTEN, Posts, case_posts, parts_of, split_of, with_ours, written
from .run import Task, train

__all__ = [
    "CASES",
    "OURS",
    "UNLABELLED",
    "WRITTEN",
    "Fitted",
    "InvalidModel",
    "Posts",
    "Task",
    "case_posts",
    "describe_model",
    "evaluate",
    "fit",
    "leave_out",
    "load_model",
    "measured",
    "model_bytes",
    "model_card",
    "parts_of",
    "split_of",
    "train",
    "with_ours",
    "written",
]
