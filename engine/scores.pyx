"""From fired rules to scores, labels and action, and from those to exposure."""

from libc.stdint cimport INT32_MAX, int32_t, uint8_t, uint16_t, uint32_t

from fairpost.engine.answer cimport answer_t
from fairpost.engine.conditions cimport facts_t, is_registered, is_unregistered, total_strikes
from fairpost.engine.image cimport image_t, policy_t, rule_t
from fairpost.engine.native cimport column_f32_reserve, column_u8_reserve, model_logistic, trailing_zeros

cdef enum:
    CATEGORIES_MAX = 32
    WARNED = 1  # position in vocabulary.ENFORCEMENT
    BLACKLISTED = 1  # position in vocabulary.LISTING


cdef double category_score(
    const image_t *image, const uint16_t *fired, size_t count, uint32_t category, int *severity
) noexcept nogil:
    """Bounded noisy-or of the category's enforced rules among `fired`: rules without a group one by one, then the
    groups in the order of their numbers, each up to its cap. 0.0 if there is none.

    float64, in an order that does not depend on which rules fired: one more of them is one more factor of at most 1,
    or makes a factor smaller, and rounding keeps the order of products. So a score never falls by more evidence, to
    the last bit, and a decision replays.
    """
    cdef double keep = 1.0, of_group
    cdef size_t k
    cdef const rule_t *rule
    cdef int32_t group = -1, following
    for k in range(count):
        rule = &image.rules[fired[k]]
        if rule.category != category or rule.mode == SHADOW:
            continue
        if severity != NULL and <int>rule.severity > severity[0]:
            severity[0] = rule.severity
        if rule.group < 0:
            keep *= 1.0 - rule.weight
    while True:
        following = INT32_MAX
        of_group = 1.0
        for k in range(count):
            rule = &image.rules[fired[k]]
            if rule.category != category or rule.mode == SHADOW or rule.group <= group or rule.group > following:
                continue
            if rule.group < following:
                following = rule.group
                of_group = 1.0
            of_group *= 1.0 - rule.weight
        if following == INT32_MAX:
            return 1.0 - keep
        group = following
        of_group = 1.0 - of_group
        if of_group > image.group_caps[group]:
            of_group = image.group_caps[group]
        keep *= 1.0 - of_group


cdef double commerce_probability(
    const image_t *image, float logit, const uint16_t *fired, size_t count
) noexcept nogil:
    """How likely the post sells something: the text model's logit and the signals of the enforced COMMERCE rules.

    Signals are multiples of 1/256, at least 0: one more rule raises the logit by so much or not at all, far more than
    the logistic function's error, so the probability never falls by more evidence.
    """
    cdef double total = logit
    cdef size_t k
    for k in range(count):
        if image.rules[fired[k]].mode != SHADOW:
            total += image.model_signals[fired[k]]
    return model_logistic(total)


cdef double exposure(const facts_t *facts, const policy_t *policy, int action, float risk) noexcept nogil:
    """How much the post is displayed: 0 hidden, 1 neutral, above 1 for clean goods of sellers in good standing.

    Where the policy has review <= limit <= unregistered, floor <= 1 (the compiler sees to it), no label, strike or
    complaint more ever raises it.
    """
    cdef double value
    if action >= SHIELD:
        return 0.0
    if action == REVIEW:
        return policy.review
    if action == LIMIT:
        return policy.limit
    if <float>facts.commerce < <float>policy.commerce:
        return 1.0
    if is_unregistered(facts):
        return policy.unregistered
    if not is_registered(facts):  # no seller is named, or the registry cannot answer
        return 1.0
    value = policy.clean + policy.per_year * facts.seller.tenure_days / 365.25
    if value > policy.max:
        value = policy.max
    value -= policy.per_strike * total_strikes(facts)
    value -= policy.per_complaint * facts.seller.complaints
    if value < policy.floor:
        value = policy.floor
    if value > 1.0 and (
        risk > <float>policy.clean_risk
        or facts.seller.enforcement > WARNED
        or facts.seller.listing == BLACKLISTED
    ):
        return 1.0
    return value


cdef int conclude(const facts_t *facts, answer_t *answer, size_t post, size_t first_fired) noexcept nogil:
    """Labels, risk, action and exposure from the rules that fired. Returns 0, or -1 when memory runs out."""
    cdef const image_t *view = facts.image
    cdef const policy_t *policy = view.policy
    cdef const uint16_t *fired = answer.fired_rule.at + first_fired
    cdef size_t count = answer.fired_rule.count - first_fired, row, k
    cdef size_t channel = facts.channel if facts.channel < view.channel_count else 0
    cdef const float *thresholds
    cdef uint32_t category, present = 0  # a bit for each category with an enforced rule
    cdef double keep = 1.0, value
    cdef float score
    cdef int severity, action = ALLOW, level
    for k in range(count):
        if view.rules[fired[k]].mode != SHADOW:
            present |= <uint32_t>1 << view.rules[fired[k]].category
    while present >> 1 != 0:
        category = <uint32_t>trailing_zeros(present & ~<uint32_t>1)
        present &= ~(<uint32_t>1 << category)
        severity = 0
        value = category_score(view, fired, count, category, &severity)
        score = <float>value
        keep *= 1.0 - value * policy.severity_weight[severity]
        if (
            column_u8_reserve(&answer.label_category, 1)
            or column_u8_reserve(&answer.label_severity, 1)
            or column_f32_reserve(&answer.label_score, 1)
        ):
            return -1
        row = answer.label_category.count
        answer.label_category.at[row] = <uint8_t>category
        answer.label_severity.at[row] = <uint8_t>severity
        answer.label_score.at[row] = score
        answer.label_category.count = answer.label_severity.count = answer.label_score.count = row + 1
        thresholds = view.thresholds + (channel * CATEGORIES_MAX + category) * 5
        for level in range(action + 1, 5):
            if score >= thresholds[level]:
                action = level
    answer.action[post] = <uint8_t>action
    answer.risk[post] = <float>(1.0 - keep)
    answer.commerce[post] = <float>facts.commerce
    answer.exposure[post] = <float>exposure(facts, policy, action, answer.risk[post])
    return 0
