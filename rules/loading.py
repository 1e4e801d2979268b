"""Files -> `Source`: reads packs, laws and policy, resolves every name, reports everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType

from fairpost.engine.model import TextModel
from fairpost.engine.vocabulary import RECOGNISERS

from .case_sources import further_cases, with_cases
from .conditions import RuleDraft, resolve_rules
from .definitions import Definition, read_definitions
from .document import Document, read_document
from .law import check_laws
from .model_file import InvalidModel, load_model
from .policy import check_policy
from .problems import Place, Problems, nearest
from .schema import FILES, NAME, LawModel, LawsFile, Model, PackFile, PolicyFile
from .source import ListSource, PackSource, Source
from .validate import validate
from .wordlists import check_allow_words, read_lists

__all__ = ["load_packs", "shipped_packs"]

Paths = str | Path | Iterable[str | Path]
GivenModel = TextModel | None | EllipsisType
"""A text model, none, or `...`: the model file (`*.model`) among the packs, if there is one."""

_RESERVED_PACKS = frozenset({"seller"})
_RESERVED_LISTS = frozenset({"commerce", "model", "seller", "channel", "language", "distinct"})
"""Words of the language: a pack or list of that name could not be told from them."""


def shipped_packs() -> Path:
    """The folder of packs that come with fairpost."""
    return Path(__file__).resolve().parent / "packs"


@dataclass
class _Files:
    packs: list[tuple[Document, PackFile, Path]] = field(default_factory=list)
    laws: tuple[Document, LawsFile] | None = None
    policy: tuple[Document, PolicyFile] | None = None


def load_packs(paths: Paths, model: GivenModel = ...) -> Source:
    """Read packs from a folder (its `*.yaml`), from files, or from several of both.

    Where there are no laws or no policy among the files, the shipped ones are used. Conditions may ask `model`,
    which goes into the bundle with them, if there is one: `model`, or the file `*.model` in a folder of packs.

    Raises:
        PackErrors: everything that is wrong in any of the files, each with its place.
    """
    problems = Problems()
    source = _load(paths, model, problems)
    problems.raise_if_any()
    assert source is not None  # no errors, so everything was there
    return source


def _load(paths: Paths, given: GivenModel, problems: Problems) -> Source | None:
    files = _Files()
    for path in _expand(paths, problems):
        _read_file(path, files, problems)
    model = _model(paths, problems) if given is ... else given
    for kind in ("laws", "policy"):
        shipped = shipped_packs() / f"{kind}.yaml"
        if getattr(files, kind) is None and shipped.is_file():
            _read_file(shipped, files, problems)
    if not files.packs and not problems.errors:
        problems.error(Place(_shown(paths)), "no pack here; a pack is a .yaml file that starts with 'pack: NAME'")
    files.packs.sort(key=lambda entry: entry[1].pack)

    laws: dict[str, LawModel] = {}
    if files.laws is not None:
        check_laws(*files.laws, problems)
        laws = dict(files.laws[1].laws)
    policy: PolicyFile | None = None
    if files.policy is not None:
        check_policy(*files.policy, problems)
        policy = files.policy[1]
    elif files.packs:
        problems.error(Place(_shown(paths)), "no policy here; write a policy.yaml that starts with 'policy: NAME'")

    lists: dict[str, ListSource] = {}
    groups: dict[str, float] = {}
    definitions: dict[str, Definition] = {}
    drafts: list[RuleDraft] = []
    first: dict[str, Place] = {}
    for document, pack, folder in files.packs:
        _check_names(document, pack, first, problems)
        lists |= read_lists(document, pack, folder, problems)
        definitions |= read_definitions(document, pack, problems)
        groups |= {f"{pack.pack}.{name}": group.cap for name, group in pack.groups.items()}
        drafts += [RuleDraft(document, pack, index, rule) for index, rule in enumerate(pack.rules)]
    check_allow_words(lists, problems)
    channels = policy.channels if policy is not None else []
    rules, off_rules = resolve_rules(drafts, lists, groups, laws, channels, problems, model is not None, definitions)
    documents = [(document, pack) for document, pack, _ in files.packs]
    further = further_cases(documents, [draft.model.id for draft in drafts], channels, problems)
    rules, off_rules = with_cases(rules, further), with_cases(off_rules, further)
    if policy is None:
        return None
    packs = tuple(PackSource(pack.pack, pack.description, document.file) for document, pack, _ in files.packs)
    warnings = tuple(sorted(set(problems.warnings)))
    return Source(packs, lists, groups, rules, off_rules, laws, policy, warnings, model)


def _model(paths: Paths, problems: Problems) -> TextModel | None:
    """The model in the folders of packs, if there is one."""
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = [path for folder in map(Path, given) if folder.is_dir() for path in sorted(folder.glob("*.model"))]
    found = list(dict.fromkeys(path.resolve() for path in found))
    for path in found[1:]:
        problems.error(Place(path.as_posix()), f"a second text model: {found[0].name} is there already; keep one")
    try:
        return load_model(found[0]) if found else None
    except OSError as error:
        problems.error(Place(found[0].as_posix()), f"cannot be read: {error.strerror}")
    except InvalidModel as error:
        problems.error(Place(found[0].as_posix()), str(error).removeprefix(f"{found[0]}: "))
    return None


def _expand(paths: Paths, problems: Problems) -> list[Path]:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    result: list[Path] = []
    for entry in map(Path, given):
        if entry.is_dir():
            inside = sorted([*entry.glob("*.yaml"), *entry.glob("*.yml")], key=lambda path: path.name)
            if not inside:
                problems.error(Place(entry.as_posix()), "no .yaml file in this folder")
            result += inside
        elif entry.exists():
            result.append(entry)
        else:
            problems.error(Place(entry.as_posix()), "no such file or folder")
    seen: set[Path] = set()
    return [path for path in result if not (path.resolve() in seen or seen.add(path.resolve()))]  # type: ignore[func-returns-value]


def _shown(paths: Paths) -> str:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    return Path(given[0]).as_posix() if given else "."


def _read_file(path: Path, files: _Files, problems: Problems) -> None:
    shown = path.as_posix()
    try:
        content = path.read_bytes()
    except OSError as error:
        problems.error(Place(shown), f"cannot be read: {error.strerror}")
        return
    document = read_document(content, shown, problems)
    if document is None:
        return
    value = document.value
    kinds = [kind for kind in FILES if isinstance(value, dict) and kind in value]
    if not kinds:
        keys = [str(key) for key in value] if isinstance(value, dict) else []
        hint = next((text for key in keys if (text := nearest(key, FILES))), "")
        message = f"neither a pack nor laws nor a policy: no key 'pack', 'laws' or 'policy' is here{hint}"
        problems.error(document.place(), message)
        return
    model: Model | None = validate(document, FILES[kinds[0]], problems)
    if isinstance(model, PackFile):
        files.packs.append((document, model, path.parent))
    elif isinstance(model, LawsFile):
        if files.laws is not None:
            problems.error(document.place(), f"the laws are in {files.laws[0].file} already; keep one file of laws")
            return
        files.laws = (document, model)
    elif isinstance(model, PolicyFile):
        if files.policy is not None:
            problems.error(document.place(), f"the policy is in {files.policy[0].file} already; keep one policy")
            return
        files.policy = (document, model)


def _check_names(document: Document, pack: PackFile, first: dict[str, Place], problems: Problems) -> None:
    place = document.place(("pack",))
    if pack.pack in first:
        problems.error(place, f"pack {pack.pack!r} is in {first[pack.pack].file} already; give this one another name")
    elif pack.pack in _RESERVED_PACKS:
        problems.error(place, f"pack name {pack.pack!r} is a word of the rule language; take another")
    first.setdefault(pack.pack, place)
    for kind, names in (("list", pack.lists), ("group", pack.groups)):
        for name in names:
            where = document.key_place((f"{kind}s", name))
            if not NAME.fullmatch(name):
                problems.error(
                    where,
                    f"{kind} name {name!r} must be lower-case letters, digits, single dashes, first a letter",
                )
            elif kind == "list" and (name in RECOGNISERS or f"{pack.pack}.{name}" in RECOGNISERS):
                problems.error(where, f"list name {name!r} is hidden by the recogniser of that name; take another")
            elif kind == "list" and name in _RESERVED_LISTS:
                problems.error(where, f"list name {name!r} is a word of the rule language; take another")
