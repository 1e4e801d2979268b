"""CompareRules, KeepBundle, ActivateBundle by revision, ListShadowResults: rule sets to come, and rules on trial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tea_packs import compiled

from fairpost.client import CallFailed
from fairpost.rules.notices import Notice
from fairpost.server.signatures import SigningKey
from fairpost.v1 import bulletin_pb2, filter_pb2, post_pb2, review_pb2, rules_pb2, verdict_pb2

if TYPE_CHECKING:
    from pathlib import Path

ALLOW, REVIEW, BLOCK = verdict_pb2.ACTION_ALLOW, verdict_pb2.ACTION_REVIEW, verdict_pb2.ACTION_BLOCK
WORDS = {"根治": 0.97, "特效": 0.65}
STRICTER = WORDS | {"痊愈": 0.97}
UPHELD, OVERTURNED = review_pb2.REVIEW_STATE_UPHELD, review_pb2.REVIEW_STATE_OVERTURNED


def failure(call: Any, *arguments: Any, **options: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **options)
    return caught.value


def compare(running: Any, **fields: Any) -> rules_pb2.CompareRulesResponse:
    answer: rules_pb2.CompareRulesResponse = running.client.call(
        "CompareRules", rules_pb2.CompareRulesRequest(**fields)
    )
    return answer


def check(running: Any, *posts: post_pb2.Post) -> None:
    running.client.call("CheckPosts", filter_pb2.CheckPostsRequest(posts=posts))
    assert running.server.reviews.intake.wait(60)


def decide_all(running: Any, decisions: dict[str, review_pb2.ReviewState.ValueType]) -> None:
    for review in running.client.call("ListReviews", review_pb2.ListReviewsRequest()).reviews:
        if state := decisions.get(review.post_id):
            request = review_pb2.DecideReviewRequest(review_id=review.review_id, state=state, actor="m", note="看过")
            running.client.call("DecideReview", request)


BASE = (("cure", "根治", "enforce", 0.97), ("special", "特效", "enforce", 0.65))


def test_what_another_rule_set_would_change(inside: Any, registration: Any, tmp_path: Path) -> None:
    running = inside().start()
    client = running.client
    old, new = compiled(tmp_path / "old", *BASE), compiled(tmp_path / "new", *BASE, ("well", "痊愈", "enforce", 0.97))
    nothing = failure(compare, running, bundle=new)
    assert nothing.reason == "REASON_NO_ACTIVE_RULE_SET"
    client.activate(old)
    client.register(registration("licensed"))
    posts = [
        post_pb2.Post(id="a", text="痊愈茶"),
        post_pb2.Post(id="b", text="好茶", extra_texts=[post_pb2.ExtraText(text="痊愈")]),
        post_pb2.Post(id="c", text="痊愈茶", seller_id="licensed"),
        post_pb2.Post(id="d", text="根治"),
        post_pb2.Post(id="e", text="好茶"),
        post_pb2.Post(id="f"),
    ]
    answer = compare(running, bundle=new, posts=posts, samples=5)
    assert (answer.old_revision, answer.new_revision) == (answer.change.old_revision, answer.change.new_revision)
    assert answer.change.tightens
    assert "痊愈" in answer.notice.body.zh
    assert answer.outlook.admitted
    sent = answer.sent
    assert (sent.posts, sent.at_fault, sent.flips, sent.stricter, sent.milder) == (5, 1, 3, 3, 0)
    (rule,) = sent.rules
    assert (rule.rule, rule.category, rule.appeared, rule.alone) == ("tea.well", "MEDICAL", 3, 3)
    assert [(flip.post_id, flip.change, flip.old.action, flip.new.action) for flip in sent.samples] == [
        ("a", 1, ALLOW, BLOCK),
        ("b", 1, ALLOW, BLOCK),
        ("c", 1, ALLOW, BLOCK),
    ]
    (evidence,) = sent.samples[1].new.evidence
    assert (evidence.text_index, evidence.begin, evidence.end, evidence.message.en) == (1, 0, 2, "No cures")
    assert {(change.old, change.new): change.posts for change in sent.actions}[ALLOW, BLOCK] == 3
    assert not answer.HasField("reviewed")
    # Nothing was done: neither activated nor recorded.
    assert client.status().active.revision == answer.old_revision
    assert not client.call("ListReviews", review_pb2.ListReviewsRequest()).reviews


def test_reviewed_posts_say_whether_it_agrees_with_people(inside: Any, bundle: Any, tmp_path: Path) -> None:
    running = inside().start()
    old = compiled(tmp_path / "old", *BASE)
    running.client.activate(old)
    check(running, *(post_pb2.Post(id=str(number), text=f"特效茶{number}") for number in range(4)))
    decide_all(running, {"0": UPHELD, "1": OVERTURNED, "2": OVERTURNED})
    answer = compare(running, bundle=compiled(tmp_path / "new", BASE[0]), reviewed_posts=100, samples=1)
    reviewed = answer.reviewed
    assert (reviewed.posts, reviewed.flips, reviewed.milder) == (4, 4, 4)
    assert [(flips.rule, flips.vanished) for flips in reviewed.rules] == [("tea.special", 4)]
    assert (reviewed.agreement.upheld_passed, reviewed.agreement.overturned_passed) == (1, 2)
    assert (reviewed.agreement.upheld_held, reviewed.agreement.overturned_held) == (0, 0)
    (flip,) = reviewed.samples
    assert flip.review_id
    assert (flip.change, flip.old.action, flip.new.action) == (-1, REVIEW, ALLOW)
    same = compare(running, bundle=old, reviewed_posts=2).reviewed
    assert (same.posts, same.flips) == (2, 0)
    bare = failure(compare, running, bundle=bundle(WORDS), reviewed_posts=2)
    assert "make it with `fairpost rules compile`" in bare.message


def test_a_candidate_waits_for_its_notice(inside: Any, bundle: Any) -> None:
    running = inside(require_notice=True).start()
    client = running.client
    client.activate(bundle(WORDS))
    core = running.server.registry.core
    at = core.now()
    candidate = client.call("KeepBundle", rules_pb2.KeepBundleRequest(bundle=bundle(STRICTER), source="my packs"))
    revision = candidate.candidate.revision
    answer = client.call("ListRevisions", rules_pb2.ListRevisionsRequest())
    assert [(each.revision, each.source, each.active) for each in answer.candidates] == [(revision, "my packs", False)]
    outlook = compare(running, revision=revision).outlook
    assert (outlook.admitted, outlook.reason) == (False, "REASON_NOTICE_REQUIRED")
    assert not outlook.notice
    early = failure(client.call, "ActivateBundle", rules_pb2.ActivateBundleRequest(revision=revision))
    assert early.reason == "REASON_NOTICE_REQUIRED"
    client.publish(document_id="n", kind=bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE, bundle=bundle(STRICTER), actor="p")
    outlook = compare(running, revision=revision).outlook
    assert (outlook.admitted, outlook.notice) == (False, "n")
    ready = outlook.ready_at.ToDatetime(UTC)
    assert abs(ready - datetime.fromtimestamp(at / 1000, UTC) - timedelta(days=7)) < timedelta(minutes=1)
    core.now = lambda: at + 8 * 86_400_000
    assert compare(running, revision=revision).outlook.admitted
    active = client.call("ActivateBundle", rules_pb2.ActivateBundleRequest(revision=revision)).active
    assert (active.revision, active.source) == (revision, f"kept ({revision})")
    assert not client.call("ListRevisions", rules_pb2.ListRevisionsRequest()).candidates
    methods = [entry.method.rpartition("/")[2] for entry in running.client.call("ListAudit", audit()).entries]
    assert methods.count("KeepBundle") == 2


def test_a_change_is_told_again_without_being_worked_out(
    inside: Any, bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = inside().start()
    running.client.activate(bundle(WORDS))
    worked_out: list[Any] = []
    between = Notice.between

    def counted(*books: Any, **rest: Any) -> Any:
        worked_out.append(books)
        return between(*books, **rest)

    monkeypatch.setattr(Notice, "between", counted)
    notices = running.server.bulletin.notices
    now = running.server.registry.core.now()

    def make(words: dict[str, float] = STRICTER, at: int = now, **given: Any) -> Any:
        return notices.make(bundle(words), bulletin_pb2.DocumentContent(**given), at)

    content, change = make()
    told = content.body.zh
    content.Clear()  # a caller's own
    change.Clear()
    content, change = make()
    assert content.body.zh == told != ""
    assert change.tightens
    assert len(worked_out) == 1
    make(at=now + 86_400_000)  # applies a day later
    make(effective_until="2099-01-01")
    make({"根治": 0.97})
    assert len(worked_out) == 4
    for number in range(8):
        make(effective_until=f"2098-01-0{number + 1}")
    assert len(worked_out) == 12
    make()  # the first is forgotten
    assert len(worked_out) == 13


def audit(**fields: Any) -> Any:
    from fairpost.v1 import audit_pb2

    return audit_pb2.ListAuditRequest(**fields)


def test_candidates_stay_over_restarts_and_ten_are_kept(inside: Any, bundle: Any, tmp_path: Path) -> None:
    running = inside().start()
    client = running.client
    client.activate(bundle(WORDS))
    kept = [
        client.call(
            "KeepBundle", rules_pb2.KeepBundleRequest(bundle=bundle(WORDS | {f"词{n}": 0.9}))
        ).candidate.revision
        for n in range(11)
    ]
    running.stop()
    client = inside().start().client
    found = [each.revision for each in client.call("ListRevisions", rules_pb2.ListRevisionsRequest()).candidates]
    assert found == kept[:0:-1]
    gone = failure(client.call, "ActivateBundle", rules_pb2.ActivateBundleRequest(revision=kept[0]))
    assert gone.reason == "REASON_REVISION_NOT_FOUND"
    assert kept[1] in gone.message
    # An earlier revision is activated by its name, too.
    before = client.status().active.revision
    client.call("ActivateBundle", rules_pb2.ActivateBundleRequest(revision=kept[5]))
    client.call("ActivateBundle", rules_pb2.ActivateBundleRequest(revision=before))
    assert client.status().active.revision == before


def test_signatures_are_kept_with_candidates(inside: Any, bundle: Any, tmp_path: Path) -> None:
    key = SigningKey.generate()
    public = tmp_path / "public.pem"
    public.write_bytes(key.public_pem())
    client = inside(rules_public_keys=(public,)).start().client
    content = bundle(WORDS)
    unsigned = failure(client.call, "KeepBundle", rules_pb2.KeepBundleRequest(bundle=content))
    assert unsigned.reason == "REASON_BUNDLE_UNSIGNED"
    signature = key.sign(content)
    request = rules_pb2.KeepBundleRequest(bundle=content, signature=signature.value, key_id=signature.key_id)
    revision = client.call("KeepBundle", request).candidate.revision
    active = client.call("ActivateBundle", rules_pb2.ActivateBundleRequest(revision=revision)).active
    assert active.signed_by == signature.key_id


@pytest.mark.parametrize(
    ("method", "fields", "message"),
    [
        ("CompareRules", {}, "bundle: is required: the bytes that `fairpost rules compile` wrote; or revision"),
        ("CompareRules", {"bundle": b"x", "revision": "y"}, "bundle: is given, and so is revision; give one"),
        ("CompareRules", {"bundle": b"x"}, "bundle: "),
        ("CompareRules", {"revision": "0" * 12}, "revision: '000000000000' is not kept here; kept: "),
        ("CompareRules", {"bundle": b"x", "samples": 21}, "samples: is 21; at most 20"),
        ("CompareRules", {"bundle": b"x", "reviewed_posts": 10_001}, "reviewed_posts: is 10001; at most 10000"),
        ("KeepBundle", {}, "bundle: is required"),
        ("KeepBundle", {"bundle": b"x"}, "bundle: "),
        ("ActivateBundle", {"revision": "x", "bundle": b"y"}, "bundle: is given, and so is revision"),
        ("ActivateBundle", {"revision": "x", "signature": b"y"}, "signature: is kept with the revision"),
        ("ListShadowResults", {"examples": 21}, "examples: is 21; at most 20"),
    ],
)
def test_what_is_wrong_is_told(refusing: Any, method: str, fields: dict[str, Any], message: str) -> None:
    request = getattr(rules_pb2, f"{method}Request")(**fields)
    assert message in failure(refusing.client.call, method, request).message


def test_one_comparison_at_a_time(inside: Any, bundle: Any) -> None:
    running = inside().start()
    running.client.activate(bundle(WORDS))
    with running.server.rules.comparison._turn:
        client = running.client.with_options(retry=None)
        busy = failure(client.call, "CompareRules", rules_pb2.CompareRulesRequest(bundle=bundle(STRICTER)))
    assert busy.reason == "REASON_OVERLOADED"
    assert compare(running, bundle=bundle(STRICTER)).outlook.admitted


def test_shadow_results(inside: Any, tmp_path: Path) -> None:
    rules = compiled(
        tmp_path / "packs",
        ("cure", "特效", "enforce", 0.65),
        ("trial", "秘方", "shadow", 0.99),
        ("idle", "仙丹", "shadow", 0.99),
    )
    running = inside().start()
    client = running.client
    client.activate(rules)
    thresholds = {
        each.category: each.thresholds for each in client.call("ListRules", rules_pb2.ListRulesRequest()).categories
    }
    assert thresholds["MEDICAL"]["REVIEW"] <= 0.65 < thresholds["MEDICAL"]["SHIELD"]
    posts = [
        post_pb2.Post(id=str(n), text=text) for n, text in enumerate(["特效秘方", "特效茶", "秘方茶", "特效秘方茶"])
    ]
    check(running, *posts)
    decide_all(running, {"0": UPHELD, "3": OVERTURNED})
    answer = client.call("ListShadowResults", rules_pb2.ListShadowResultsRequest(examples=1))
    assert answer.reviewed_posts == 3
    trial, idle = answer.rules
    assert (trial.rule.rule, trial.rule.shadow, trial.rule.message.en) == ("tea.trial", True, "No cures")
    assert (trial.posts, trial.reviewed, trial.decides) == (3, 2, 2)
    assert (trial.agreement.upheld_held, trial.agreement.overturned_held) == (1, 1)
    (example,) = trial.examples
    assert {each.rule for each in example.new.evidence} == {"tea.cure", "tea.trial"}
    assert (idle.posts, idle.reviewed, idle.decides) == (0, 0, 0)
    enforced = compiled(tmp_path / "other", ("cure", "特效", "enforce", 0.65))
    client.activate(enforced, force=True)
    assert not client.call("ListShadowResults", rules_pb2.ListShadowResultsRequest()).rules
    # What a candidate's shadow rules would hit is in its comparison.
    compared = compare(running, bundle=rules, reviewed_posts=10)
    assert [(each.rule, each.posts, each.decides) for each in compared.reviewed.shadows] == [("tea.trial", 2, 2)]


def test_the_audit_log_is_listed(inside: Any, bundle: Any, registration: Any) -> None:
    running = inside().start()
    client = running.client
    client.activate(bundle(WORDS))
    for number in range(5):
        client.register(registration(f"s{number}"))
    everything = client.call("ListAudit", audit(page_size=1000)).entries
    numbers = [entry.sequence for entry in everything]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 1
    assert everything[0].subject.startswith("event")
    assert everything[0].actor.startswith("key:") or everything[0].actor
    first = client.call("ListAudit", audit(method="RegisterSeller", page_size=2))
    rest = client.call("ListAudit", audit(method="RegisterSeller", page_size=2, page_token=first.next_page_token))
    found = [*first.entries, *rest.entries]
    assert len({entry.sequence for entry in found}) == 4
    assert all(entry.method == "fairpost.v1.RegistryService/RegisterSeller" for entry in found)
    assert [entry.outcome for entry in client.call("ListAudit", audit(outcome="BEGUN")).entries] == ["BEGUN"]
    assert not client.call("ListAudit", audit(subject="nothing like it")).entries
    later = audit()
    later.since.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    assert not client.call("ListAudit", later).entries
    later.until.FromDatetime(datetime.now(UTC))
    assert "until: is not after since" in failure(client.call, "ListAudit", later).message
    assert "page_size: is 1001; at most 1000" in failure(client.call, "ListAudit", audit(page_size=1001)).message
