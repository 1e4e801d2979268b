"""Pages from templates: Jinja2 with everything escaped, and nothing undefined.

A template has, beside what `render` is given,

    t("check.reason", n=3)      a message in the reader's language
    lang                       "zh" or "en"
    static("site.css")         address of a file in static/, good for ever
    form_token()               the hidden field that every form has
    url("/documents", q=...)   an address with a query; what is None or "" is left out
    other_language()           this page's address in the other language
    here                       this page's path
    user                       who is logged in to the console; None on public pages
    text | date, text | moment, number | number, share | percent
    lang_of(text)              the attribute of an element whose content somebody wrote, as `verbatim` says
    texts | local              of a LocalText what the reader's language has, else the Chinese, marked as such
    text | verbatim            what somebody wrote, marked as Chinese where it is on an English page (WCAG 3.1.2)
    text | said                what a service said in a refusal, in the reader's language (phrases.py)
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from fairpost.server.web import forms
from fairpost.server.web.catalogue import LANGUAGES, Language, language_of_header, messages
from fairpost.server.web.phrases import in_chinese

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from starlette.requests import Request

__all__ = ["CHINA", "html_lang", "language_of", "message", "render", "static_files", "static_url", "url_of"]

CHINA: Final = timezone(timedelta(hours=8), "UTC+8")
"""The law's clock: days and times on pages are China's."""
_COOKIE: Final = "lang"
_YEAR_SECONDS: Final = 365 * 86_400
_HAN: Final = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_WEB: Final = resources.files("fairpost.server.web")
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
}


def language_of(request: Request) -> Language:
    """`?lang=`, then the cookie that it has set, then what the browser prefers."""
    for wanted in (request.query_params.get("lang"), request.cookies.get(_COOKIE)):
        for language in LANGUAGES:
            if wanted == language:
                return language
    return language_of_header(request.headers.get("accept-language", ""))


def message(language: Language, key: str, **values: Any) -> str:
    """A message with its values put in.

    Raises:
        KeyError: there is no such message, or a value of it is missing.
    """
    text = messages(language)[key]
    return text.format_map(values) if values else text


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """A page. template: path in templates/; values: what it shows."""
    language = language_of(request)

    def translate(key: str, **given: Any) -> str:
        return message(language, key, **given)

    def form_token() -> Markup:
        return Markup('<input type="hidden" name="{}" value="{}">').format(forms.FIELD, forms.token_of(request))

    def other_language() -> str:
        other = LANGUAGES[1 - LANGUAGES.index(language)]
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
        # What a form has sent cannot be sent again by a link: its page is given. "//host" would be another site.
        path = "/" + quote(request.scope["path"].lstrip("/\\"))
        return f"{path}?{urlencode([*query, ('lang', other)])}"

    page = {
        "t": translate,
        "lang": language,
        "html_lang": html_lang(language),
        "other_language": other_language,
        "form_token": form_token,
        "here": request.url.path,
        "lang_of": lambda text: Markup(' lang="zh-CN"') if _is_foreign(language, text) else "",
        "user": getattr(request.state, "user", None),
    }
    content = _environment(language).get_template(template).render(page | values)
    response = HTMLResponse(content, status_code=status, headers=dict(headers or {}) | {"Content-Language": language})
    forms.keep_cookie(request, response)
    if request.query_params.get("lang") == language:
        secure = request.state.client.secure
        response.set_cookie(_COOKIE, language, max_age=_YEAR_SECONDS, path="/", secure=secure, samesite="lax")
    return response


@lru_cache
def _environment(language: Language) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fairpost.server.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"static": static_url, "url": url_of}
    environment.filters |= {
        "date": lambda value: _day(language, value),
        "moment": lambda value: _moment(language, value),
        "number": lambda value: f"{value:,}",
        "percent": lambda value: f"{value * 100:.1f}%",
        "local": lambda texts: _local(language, texts),
        "verbatim": lambda text: _verbatim(language, text),
        "said": lambda text: _said(language, text),
    }
    return environment


def html_lang(language: Language) -> str:
    """A language as the attribute `lang` has it."""
    return "zh-CN" if language == "zh" else language


def _local(language: Language, texts: Any) -> Markup | str:
    return getattr(texts, language) or _verbatim(language, texts.zh)


def _is_foreign(language: Language, text: str) -> bool:
    return language != "zh" and _HAN.search(text) is not None


def _verbatim(language: Language, text: str) -> Markup | str:
    if not _is_foreign(language, text):
        return text
    return Markup('<span lang="zh-CN">{}</span>').format(text)


def _said(language: Language, text: str) -> Markup | str:
    if language != "zh" or not text:
        return _verbatim(language, text)
    if (chinese := in_chinese(text)) is None and _HAN.search(text) is None:
        return Markup('<span lang="en">{}</span>').format(text)
    return chinese or text


def url_of(path: str, **query: Any) -> str:
    """An address with a query; what is None, "" or 0 is left out."""
    given = [
        (name, each)
        for name, value in query.items()
        for each in (value if isinstance(value, (list, tuple)) else [value])
        if each not in (None, "", 0)
    ]
    return f"{path}?{urlencode(given)}" if given else path


def _instant(value: Any) -> datetime | None:
    """Of a protobuf Timestamp, a datetime, or milliseconds since 1970; None for none of them (0, a message not set)."""
    if hasattr(value, "ToMilliseconds"):
        value = value.ToMilliseconds()
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value / 1000, UTC).astimezone(CHINA) if value else None
    return value.astimezone(CHINA) if isinstance(value, datetime) else None


def _day(language: Language, value: Any) -> Markup | str:
    """<time> of a day: ISO 8601, or any instant, as the day in China; "" for none."""
    if isinstance(value, str):
        if not value:
            return ""
        day = date.fromisoformat(value[:10])
    elif isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        moment = _instant(value)
        if moment is None:
            return ""
        day = moment.date()
    shown = f"{day.year}年{day.month}月{day.day}日" if language == "zh" else f"{day.day} {day:%B %Y}"
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), shown)


def _moment(language: Language, value: Any) -> Markup | str:
    """<time> of an instant, to the minute; "" for none."""
    moment = _instant(value)
    if moment is None:
        return ""
    shown = (
        f"{moment.year}年{moment.month}月{moment.day}日 {moment:%H:%M}"
        if language == "zh"
        else f"{moment.day} {moment:%B %Y, %H:%M} (UTC+8)"
    )
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), shown)


# ---- static files -----------------------------------------------------------------------------------------


@lru_cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Content and media type of each file, by its path in static/.

    Raises:
        ValueError: one is of a kind that is not served.
    """
    return dict(_walk(_WEB / "static", ""))


def _walk(folder: Traversable, path: str) -> list[tuple[str, tuple[bytes, str]]]:
    found: list[tuple[str, tuple[bytes, str]]] = []
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        name = f"{path}{each.name}"
        if each.is_dir():
            found += _walk(each, f"{name}/")
            continue
        suffix = name[name.rfind(".") :]
        if suffix not in _TYPES:
            raise ValueError(f"static/{name}: files of this kind are not served; those are {', '.join(_TYPES)}")
        found.append((name, (each.read_bytes(), _TYPES[suffix])))
    return found


@lru_cache
def static_version() -> str:
    """A hash of all static files: one for all, so that modules can import each other by relative addresses."""
    digest = hashlib.sha256()
    for name, (content, _) in static_files().items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def static_url(name: str) -> str:
    """
    Raises:
        KeyError: there is no such file.
    """
    if name not in static_files():
        raise KeyError(f"static/{name}: no such file")
    return f"/static/{static_version()}/{name}"
