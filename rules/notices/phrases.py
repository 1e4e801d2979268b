"""What notices say, in Chinese and in English: plain words for sellers."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = ["LANGUAGES", "Language", "known", "said"]

Language: TypeAlias = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

_PHRASES: Final[dict[str, tuple[str, str]]] = {
    # ---- the whole notice
    "title": ("规则变动公告（{day} 起实施）", "Rule changes, in force from {day}"),
    "title-emergency": ("紧急规则变动公告（{day} 起实施）", "Emergency rule changes, in force from {day}"),
    "emergency": (
        "**紧急变动**：本次变动未经提前公示即实施。原因：{reason}",
        "**Emergency**: these changes take effect without the usual notice period. Reason: {reason}",
    ),
    "lead": (
        "自 {day} 起，本平台判断帖子所依据的规则有以下变动：变严 {stricter} 项，变宽 {milder} 项，"
        "视情形变严或变宽 {either} 项，仅改说明或依据 {neither} 项。",
        "From {day} on, posts are judged by changed rules. Stricter: {stricter}. Milder: {milder}. Either, depending "
        "on the post: {either}. Only explained or cited differently: {neither}.",
    ),
    "nothing": (
        "自 {day} 起，启用新的规则文件；判断帖子的规则没有变动。",
        "From {day} on, a new rule file is used; the rules by which posts are judged do not change.",
    ),
    "rights": (
        "依照《电子商务法》第三十四条，修改交易规则应当至少在实施前七日公示；不接受修改的，可以退出平台，平台不得阻止，"
        "并按修改前的规则承担责任。",
        "Under Art. 34 of the E-Commerce Law, changed rules are made public at least seven days before they apply. "
        "Whoever does not accept them may leave the platform without hindrance, and the former rules then govern what "
        "they answer for.",
    ),
    "stricter": ("变严的", "Stricter"),
    "milder": ("变宽的", "Milder"),
    "either": ("视情形变严或变宽的", "Stricter or milder, depending on the post"),
    "neither": ("只改说明或依据的", "Explained or cited differently"),
    "details": ("技术细节", "Details"),
    "revisions": ("规则版本：{old} → {new}", "Rule set: {old} → {new}"),
    "exceptions": (
        "（在个别帖子上，效果可能相反。）",
        "(On a post here and there it may go the other way.)",
    ),
    # ---- a rule
    "rule-added": ("**新规则**。", "**New rule.**"),
    "rule-added-shadow": (
        "**新规则，试运行**：只作统计，不影响帖子。",
        "**New rule, on trial**: it is counted and changes nothing for posts.",
    ),
    "rule-removed": ("**规则取消**，不再适用。", "**Rule removed**: it no longer applies."),
    "rule-changed": ("**规则修改**。", "**Rule changed.**"),
    "about": ("类别：{category}；严重程度：{severity}。", "Category: {category}; severity: {severity}."),
    "not-allowed": ("不可以这样写：{texts}", "Not allowed: {texts}"),
    "allowed": ("仍可以这样写：{texts}", "Still allowed: {texts}"),
    "basis": ("依据：{laws}", "Legal basis: {laws}"),
    "period": ("适用于 {begin} 至 {end} 前的帖子。", "Applies to posts from {begin} until before {end}."),
    "period-from": ("适用于 {begin} 起的帖子。", "Applies to posts from {begin} on."),
    "period-until": ("适用于 {end} 前的帖子。", "Applies to posts before {end}."),
    "weight-up": ("这条规则的分量提高：{old} → {new}。", "The rule counts for more: weight {old} → {new}."),
    "weight-down": ("这条规则的分量降低：{old} → {new}。", "The rule counts for less: weight {old} → {new}."),
    "severity": ("严重程度：{old} → {new}。", "Severity: {old} → {new}."),
    "mode-enforce": ("结束试运行，开始正式执行。", "The trial has ended: the rule is enforced."),
    "mode-shadow": (
        "改为试运行：只作统计，不再影响帖子。",
        "The rule goes on trial: it is counted and no longer changes anything for posts.",
    ),
    "category": ("类别：{old} → {new}。", "Category: {old} → {new}."),
    "group": (
        "与哪些规则合并计分有变：{old} → {new}。",
        "The group of rules with which it is capped changes: {old} → {new}.",
    ),
    "condition-stricter": (
        "适用的情形增多：以前不适用的一些帖子今后也适用。",
        "It applies in more cases: to some posts to which it did not apply before.",
    ),
    "condition-milder": (
        "适用的情形减少：以前适用的一些帖子今后不再适用。",
        "It applies in fewer cases: no longer to some posts to which it applied before.",
    ),
    "condition-either": (
        "适用的情形改变：有的帖子今后适用，有的不再适用。",
        "It applies in other cases: to some posts from now on, and to some no longer.",
    ),
    "condition-neither": (
        "适用情形的写法改变，结果不变。",
        "How its condition is written changes; what follows from it does not.",
    ),
    "from": ("适用的第一天：{old} → {new}。", "First day on which it applies: {old} → {new}."),
    "until": ("不再适用的第一天：{old} → {new}。", "First day on which it no longer applies: {old} → {new}."),
    "basis-changed": ("依据改为：{new}（原为：{old}）。", "Legal basis: {new} (before: {old})."),
    "message": ("说明改为：{new}（原为：{old}）。", "It now says: {new} (before: {old})."),
    # ---- a list
    "list": ("词表 {name}", "Word list {name}"),
    "list-used": ("用于规则：{rules}。", "Used by: {rules}."),
    "list-used-many": ("用于规则：{rules} 等 {count} 条。", "Used by {count} rules, among them {rules}."),
    "list-stricter": ("帖子中出现其中的词语，更容易违反规则。", "Its words in a post count against the post."),
    "list-milder": ("帖子中出现其中的词语，可以免责。", "Its words in a post excuse it."),
    "list-either": (
        "其中的词语在有的规则中不利，在有的规则中免责。",
        "Its words count against a post under some rules, and excuse it under others.",
    ),
    "list-neither": ("它不影响对帖子的判断。", "It changes no judgement."),
    "list-added": ("**新词表**。", "**New list.**"),
    "list-removed": ("**词表取消**。", "**List removed.**"),
    "words-added": ("新增词语：{words}", "Words added: {words}"),
    "words-removed": ("删去词语：{words}", "Words removed: {words}"),
    "words-more": ("……以及另外 {count} 个", "... and {count} more"),
    "folds-more": (
        "今后还看穿这些写法变化：{folds}。",
        "It now sees through these differences of writing, too: {folds}.",
    ),
    "folds-fewer": (
        "不再看穿这些写法变化：{folds}。",
        "It no longer sees through these differences of writing: {folds}.",
    ),
    "boundaries-on": (
        "字母和数字两侧紧接其他字母、数字时不再算命中。",
        "A word that stands inside a longer Latin word or number no longer counts.",
    ),
    "boundaries-off": (
        "词语处在更长的字母串、数字串中也算命中。",
        "A word counts inside a longer Latin word or number, too.",
    ),
    "allows-more": (
        "今后这些词表中的固定说法不算命中：{lists}。",
        "Phrases of these lists excuse its words from now on: {lists}.",
    ),
    "allows-fewer": (
        "这些词表中的固定说法不再免责：{lists}。",
        "Phrases of these lists no longer excuse its words: {lists}.",
    ),
    # ---- values
    "thresholds": ("{category}（渠道：{channel}）", "{category} (channel: {channel})"),
    "threshold-both": (
        "{action}：分数达到 {new} 时（原为 {old}）。",
        "{action}: at a score of {new} (before: {old}).",
    ),
    "threshold-new": ("{action}：分数达到 {new} 时（原来没有）。", "{action}: at a score of {new} (not before)."),
    "threshold-gone": ("不再{action}（原为分数达到 {old} 时）。", "No longer: {action} (before: at a score of {old})."),
    "severity_weights": ("严重程度“{name}”在风险中的分量", "What severity “{name}” counts for in the risk"),
    "exposure": ("展示量：{name}", "Display: {name}"),
    "examined_from": ("哪些帖子会被检查", "Which posts are examined"),
    "examined-note": (
        "文本模型分值低于此数的帖子不作检查；没有此数则全部检查。",
        "Posts for which the text model gives less than this are not examined; without it all are.",
    ),
    "groups": ("规则组 {name} 的合计上限", "Cap of the group of rules {name}"),
    "model": ("判断帖子是否在卖东西的文本模型", "The text model that tells whether a post sells something"),
    "model-note": (
        "换了新模型：有的帖子今后算售卖，有的不再算。",
        "It is another one: some posts count as selling from now on, and some no longer.",
    ),
    "policy": ("处置规则的名称", "Name of the policy"),
    "channels": ("渠道 {name}", "Channel {name}"),
    "channels-note": (
        "该渠道从此有（或不再有）自己的处置标准。",
        "The channel has thresholds of its own from now on, or no longer.",
    ),
    "categories": ("类别 {name} 的名称", "Name of category {name}"),
    "laws": ("法律：{title}", "Law: {title}"),
    "law-title": ("名称", "title"),
    "law-source": ("制定机关", "issued by"),
    "law-cite": ("{article}（{day} 起）条文编号", "{article} from {day}: cited as"),
    "law-summary": ("{article}（{day} 起）内容", "{article} from {day}: what it says"),
    "law-from": ("{article} 施行日", "{article}: in force from"),
    "law-until": ("{article}（{day} 起）不再施行的第一天", "{article} from {day}: first day no longer in force"),
    "law-successor": ("{article}（{day} 起）由何条文取代", "{article} from {day}: replaced by"),
    "value-both": ("{old} → {new}", "{old} → {new}"),
    "value-new": ("{new}（新）", "{new} (new)"),
    "value-gone": ("{old}（取消）", "{old} (gone)"),
    # ---- words
    "none": ("无", "none"),
    "comma": ("、", ", "),
    "quote": ("“{text}”", "“{text}”"),
    "law": ("《{title}》{cite}", "{title}, {cite}"),
    "law-says": ("{law}：{summary}", "{law}: {summary}"),
    "default-channel": ("其他渠道", "all others"),
    "LIMIT": ("减少展示", "shown less"),
    "REVIEW": ("等待人工审核", "held for review by a person"),
    "SHIELD": ("只有作者可见", "seen by its author only"),
    "BLOCK": ("不予发布", "refused"),
    "low": ("低", "low"),
    "medium": ("中", "medium"),
    "high": ("高", "high"),
    "critical": ("严重", "critical"),
    "exposure-limit": ("被减少展示的帖子", "posts that are shown less"),
    "exposure-review": ("等待人工审核的帖子", "posts held for review"),
    "exposure-unregistered": ("未登记卖家的售卖帖子", "selling posts of sellers who are not registered"),
    "exposure-clean": ("信誉良好的登记卖家的合规帖子", "clean posts of registered sellers in good standing"),
    "exposure-clean_risk": ("算作合规帖子的最高风险", "highest risk of a post that counts as clean"),
    "exposure-per_year": ("登记每满一年的增加", "more for each year of registration"),
    "exposure-per_strike": ("每次违规记录的减少", "less for each strike"),
    "exposure-per_complaint": ("每件未结投诉的减少", "less for each open complaint"),
    "exposure-floor": ("合规帖子的最低展示", "the least for a clean post"),
    "exposure-max": ("最高展示", "the most there is"),
    "exposure-commerce": ("算作售卖帖子的分数", "score from which a post counts as selling"),
}


def said(key: str, language: Language, **values: object) -> str:
    """A phrase with its values filled in. Raises KeyError."""
    zh, en = _PHRASES[key]
    return (zh if language == "zh" else en).format(**values)


def known(key: str) -> bool:
    """Whether there is such a phrase."""
    return key in _PHRASES
