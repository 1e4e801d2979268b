/* Recognisers: telephone numbers, WeChat and QQ ids, addresses, prices, percentages.
 *
 * docs/recognisers.md defines them as expressions; this is their scanner. Each function below takes a
 * position and returns where its fragment ends, or -1. They read the "view": the text under every default
 * fold but separators, so that separators are symbols here. */
#ifndef FAIRPOST_RECOGNISE_H
#define FAIRPOST_RECOGNISE_H

#include "match.h"
#include "view.h"

enum { WECHAT, PHONE, QQ, URL, EMAIL, PRICE, PERCENT, RECOGNISER_COUNT };

static inline int64_t fillers(view_t *v, int64_t i) { return run(v, i, CLASS_FILL, 6); }

static inline int not_a_count(view_t *v, int64_t i) {
    return !in_class(v, i, CLASS_ALNUM) && !one_of(v, i, "%元块万亿人个名位粉");
}

/* Whether some of [begin, end) are digits: not all are numerals. */
static inline int has_digit(view_t *v, int64_t begin, int64_t end) {
    while (begin < end && !in_class(v, begin, CLASS_DIGIT)) begin++;
    return begin < end;
}

/* [1-9][0-9]{4,10}+ and no count after it; digits may be written as numerals among others */
static inline int64_t account_number(view_t *v, int64_t i) {
    if (!in_class(v, i, CLASS_MIXED) || one_of(v, i, "0零")) return -1;
    const int64_t mixed = run(v, i, CLASS_MIXED, 11), plain = run(v, i, CLASS_DIGIT, 11);
    if (mixed - i >= 5 && not_a_count(v, mixed) && !in_class(v, mixed, CLASS_HAN) && has_digit(v, i, mixed)) return mixed;
    return plain - i >= 5 && not_a_count(v, plain) ? plain : -1;
}

/* A character of an id; a numeral before a digit is one. */
static inline int is_mark(view_t *v, int64_t i) {
    if (!in_class(v, i, CLASS_NUMERAL)) return in_class(v, i, CLASS_ID);
    const int64_t next = run(v, i + 1, CLASS_NUMERAL, 3);
    return in_class(v, next, CLASS_DIGIT | CLASS_HYPHEN | CLASS_UNDERSCORE);
}

static inline int64_t wechat_id(view_t *v, int64_t i) {
    const int64_t j = fillers(v, i);
    if (in_class(v, j, CLASS_LETTER)) {
        int64_t end = j + 1;
        while (end < j + 20 && is_mark(v, end)) end++;
        if (end - j < 6 || is_mark(v, end)) return -1;
        for (int64_t k = i; k < j && k < i + 6; k++)
            if (one_of(v, k, ":号是=>→⇒👉☞")) return end;
        const int64_t letters = run(v, j, CLASS_LETTER, 20);
        return in_class(v, letters, CLASS_ID) ? end : -1;
    }
    return account_number(v, j);
}

static inline int64_t wechat(view_t *v, int64_t i) {
    const uint32_t c = at(v, i);
    int64_t best = -1;
    if (one_of(v, i, "微薇威徽维") || ((c == 'v' || c == 'w') && !in_class(v, i - 1, CLASS_ALNUM))) {
        int64_t j = i + 1;
        if (one_of(v, j, " .*_+~·❤-")) j++;
        if (one_of(v, j, "信芯")) best = longer(best, wechat_id(v, j + 1));
    }
    if ((c == 'v' || c == 'w') && !in_class(v, i - 1, CLASS_ALNUM)) {
        if (at(v, i + 1) == 'x') best = longer(best, wechat_id(v, i + 2));
        if (word_at(v, i, "weixin") || word_at(v, i, "wechat")) best = longer(best, wechat_id(v, i + 6));
        if (c == 'v' && one_of(v, i + 1, ":号")) best = longer(best, wechat_id(v, i + 1));
    }
    if (one_of(v, i, "加")) {
        const int64_t j = one_of(v, i + 1, "我") ? i + 2 : i + 1;
        if (one_of(v, j, "v微薇") && !word_at(v, j + 1, "ip")) best = longer(best, wechat_id(v, j + 1));
    }
    if (c == '+' && at(v, i + 1) == 'v' && !word_at(v, i + 2, "ip")) best = longer(best, wechat_id(v, i + 2));
    if (one_of(v, i, "微薇") && one_of(v, i + 1, ":号")) best = longer(best, wechat_id(v, i + 1));
    return best;
}

/* n digits from i, or -1 */
static inline int64_t digits(view_t *v, int64_t i, int n) {
    if (i < 0) return -1;
    return run(v, i, CLASS_DIGIT, n) - i == n ? i + n : -1;
}

static inline int64_t skip_one(view_t *v, int64_t i, const char *set) {
    return i >= 0 && one_of(v, i, set) ? i + 1 : i;
}

static inline int64_t unless_digit(view_t *v, int64_t i) { return i >= 0 && in_class(v, i, CLASS_DIGIT) ? -1 : i; }

static inline int64_t mobile(view_t *v, int64_t i) {
    static const char gap[] = " .·–—-";
    if (word_at(v, i, "+86") || word_at(v, i, "86") || word_at(v, i, "0086"))
        i = skip_one(v, i + (at(v, i) == '+' ? 3 : at(v, i) == '8' ? 2 : 4), gap);
    const uint32_t second = at(v, i + 1);
    if (at(v, i) != '1' || second < '3' || second > '9') return -1;
    i = digits(v, skip_one(v, digits(v, skip_one(v, digits(v, i, 3), gap), 4), gap), 4);
    return unless_digit(v, i);
}

/* Some of its digits are written as numerals. */
static inline int64_t mixed_mobile(view_t *v, int64_t i) {
    if (!one_of(v, i, "1一") || !one_of(v, i + 1, "3456789三四五六七八九") || in_class(v, i - 1, CLASS_HAN)) return -1;
    const int64_t end = run(v, i, CLASS_MIXED, 12);
    return end - i == 11 && !in_class(v, end, CLASS_HAN) && has_digit(v, i, end) ? end : -1;
}

static inline int64_t spaced_mobile(view_t *v, int64_t i) {
    static const char step[] = " .·–—_*~-";
    const uint32_t second = at(v, i + 2);
    if (at(v, i) != '1' || !one_of(v, i + 1, step) || second < '3' || second > '9') return -1;
    if (in_class(v, i - 2, CLASS_DIGIT) && one_of(v, i - 1, step)) return -1;
    i += 3;
    for (int k = 0; k < 9; k++, i += 2)
        if (!one_of(v, i, step) || !in_class(v, i + 1, CLASS_DIGIT)) return -1;
    return unless_digit(v, skip_one(v, i, step)) < 0 ? -1 : unless_digit(v, i);
}

static inline int64_t service_number(view_t *v, int64_t i) {
    if (!word_at(v, i, "400") && !word_at(v, i, "800")) return -1;
    i = skip_one(v, i + 3, " -");
    const int64_t end = unless_digit(v, digits(v, skip_one(v, digits(v, i, 3), " -"), 4));
    return end >= 0 ? end : unless_digit(v, digits(v, skip_one(v, digits(v, i, 4), " -"), 3));
}

static inline int64_t landline(view_t *v, int64_t i) {
    const int parenthesis = at(v, i) == '(';
    i += parenthesis;
    if (at(v, i) != '0') return -1;
    const uint32_t second = at(v, i + 1);
    i = second == '1' ? (at(v, i + 2) == '0' ? i + 3 : -1) : second == '2' ? digits(v, i, 3)
        : second >= '3' && second <= '9'                                 ? digits(v, i, 4)
                                                                         : -1;
    if (i < 0) return -1;
    if (parenthesis) {
        if (at(v, i) != ')') return -1;
        i = skip_one(v, i + 1, " -");
    } else {
        i = skip_one(v, i, " ");
        if (!one_of(v, i, "–—-")) return -1;
        i = skip_one(v, i + 1, " ");
    }
    const int64_t end = run(v, i, CLASS_DIGIT, 9);
    return end - i == 7 || end - i == 8 ? end : -1;
}

static inline int64_t phone(view_t *v, int64_t i) {
    if (in_class(v, i - 1, CLASS_DIGIT)) return -1;
    const int64_t best = longer(longer(mobile(v, i), spaced_mobile(v, i)), mixed_mobile(v, i));
    return longer(best, longer(service_number(v, i), landline(v, i)));
}

static inline int64_t qq(view_t *v, int64_t i) {
    int64_t j;
    if (at(v, i) == 'q') {
        if (in_class(v, i - 1, CLASS_ALNUM)) return -1;
        j = one_of(v, i + 1, "q扣叩") ? i + 2 : i + 1;
    } else if ((one_of(v, i, "扣叩") && one_of(v, i + 1, "扣叩")) || (one_of(v, i, "企") && one_of(v, i + 1, "鹅"))) {
        j = i + 2;
    } else {
        return -1;
    }
    for (int k = 0; k < 6 && (in_class(v, j, CLASS_FILL) || one_of(v, j, "群")); k++) j++;
    return account_number(v, j);
}

/* [a-z0-9][a-z0-9-]{0,62}+ */
static inline int64_t label(view_t *v, int64_t i) {
    return in_class(v, i, CLASS_ALNUM) ? run(v, i, CLASS_ALNUM | CLASS_HYPHEN, 63) : -1;
}

static inline int name_starts(view_t *v, int64_t i) {
    if (in_class(v, i - 1, CLASS_ALNUM) || one_of(v, i - 1, "@_")) return 0;
    return !(in_class(v, i - 2, CLASS_ALNUM) && one_of(v, i - 1, ".-"));
}

/* As much of an address as does not end in punctuation, 2,001 characters at most. */
static inline int64_t address_tail(view_t *v, int64_t i) {
    const int64_t end = run(v, i, CLASS_ADDRESS, 2001);
    for (int64_t k = end; k > i; k--)
        if (!one_of(v, k - 1, ".:?@")) return k;
    return i;
}

static inline int64_t path(view_t *v, int64_t i) {
    if (at(v, i) == ':') {
        const int64_t end = run(v, i + 1, CLASS_DIGIT, 6);
        if (end - i - 1 >= 2 && end - i - 1 <= 5) i = end;
    }
    return at(v, i) == '/' ? address_tail(v, i + 1) : i;
}

static inline int64_t url(view_t *v, int64_t i) {
    static const char *const top[] = {"com", "cn",   "net",  "org", "cc",  "top",  "xyz",  "vip", "shop", "store", "club", "site",
                                      "online", "info", "ltd", "mobi", "wang", "ren", "biz", "asia", "hk", "tw", "icu", NULL};
    static const char *const top_with_path[] = {"me", "io", "co", "tv", "app", "live", "link", "pro", "fun", "work", "wiki", NULL};
    int64_t best = -1, scheme = word_at(v, i, "http://") ? i + 7 : word_at(v, i, "https://") ? i + 8 : -1;
    if (scheme >= 0 && in_class(v, scheme, CLASS_ALNUM)) best = address_tail(v, scheme + 1);
    if (!name_starts(v, i)) return best;
    if (word_at(v, i, "www.")) {
        int64_t j = i + 3;
        int labels = 0;
        while (labels < 6 && at(v, j) == '.' && label(v, j + 1) >= 0) j = label(v, j + 1), labels++;
        if (labels > 0 && at(v, j) != '@') best = longer(best, path(v, j));
    }
    int64_t starts[7], j = i;
    int labels = 0;
    while (labels < 6) {
        const int64_t end = label(v, j);
        if (end < 0 || at(v, end) != '.') break;
        starts[++labels] = j = end + 1;
    }
    for (; labels >= 1; labels--) {
        j = starts[labels];
        const int64_t end = run(v, j, CLASS_ALNUM, 8);
        if (one_of(v, end, "@_-") || in_class(v, end, CLASS_ALNUM) || (at(v, end) == '.' && in_class(v, end + 1, CLASS_ALNUM))) continue;
        if (!is_word(v, j, end, top) && !(at(v, end) == '/' && is_word(v, j, end, top_with_path))) continue;
        best = longer(best, path(v, end));
        break;
    }
    return best;
}

static inline int64_t email(view_t *v, int64_t i) {
    if (!in_class(v, i, CLASS_ALNUM) || in_class(v, i - 1, CLASS_ALNUM)) return -1;
    if (in_class(v, i - 2, CLASS_ALNUM) && one_of(v, i - 1, "._%+-")) return -1;
    int64_t j = i + 1;
    while (j < i + 64 && (in_class(v, j, CLASS_ALNUM) || one_of(v, j, "._%+-"))) j++;
    if (at(v, j) != '@') return -1;
    int64_t starts[6];
    int labels = 0;
    j++;
    while (labels < 5) {
        const int64_t end = label(v, j);
        if (end < 0 || at(v, end) != '.') break;
        starts[++labels] = j = end + 1;
    }
    for (; labels >= 1; labels--) {
        const int64_t end = run(v, starts[labels], CLASS_LETTER, 25), length = end - starts[labels];
        if (length >= 2 && length <= 24 && !in_class(v, end, CLASS_ALNUM | CLASS_HYPHEN)) return end;
    }
    return -1;
}

/* (?:\.[0-9]{1,4}(?![0-9]))? */
static inline int64_t decimals(view_t *v, int64_t i) {
    if (at(v, i) != '.') return i;
    const int64_t end = run(v, i + 1, CLASS_DIGIT, 5);
    return end - i - 1 >= 1 && end - i - 1 <= 4 ? end : i;
}

static inline int64_t number(view_t *v, int64_t i) {
    if (i < 0) return -1;
    int64_t end = run(v, i, CLASS_DIGIT, 9);
    const int64_t length = end - i;
    if (length == 0) return -1;
    if (length <= 3) {
        int groups = 0;
        while (groups < 3 && at(v, end) == ',' && digits(v, end + 1, 3) >= 0 && !in_class(v, end + 4, CLASS_DIGIT)) end += 4, groups++;
        if (groups) return decimals(v, end);
    }
    return length <= 8 ? decimals(v, end) : -1;
}

static inline int64_t times(view_t *v, int64_t i) {
    if (i < 0) return -1;
    if (one_of(v, i, "百千万亿")) return one_of(v, i + 1, "百千万亿") ? i + 2 : i + 1;
    return one_of(v, i, "wk") && !in_class(v, i + 1, CLASS_LETTER) ? i + 1 : i;
}

static inline int alone(view_t *v, int64_t i) {
    return !in_class(v, i - 1, CLASS_DIGIT) && !(in_class(v, i - 2, CLASS_DIGIT) && at(v, i - 1) == '.');
}

static inline int64_t money_unit(view_t *v, int64_t i) {
    static const char *const codes[] = {"rmb", "cny", "usd", "hkd", "yuan", "dollars", "dollar", NULL};
    if (one_of(v, i, "元")) return one_of(v, i + 1, "旦宵素件月气") ? -1 : i + 1;
    if (one_of(v, i, "块")) return one_of(v, i + 1, "头") ? -1 : one_of(v, i + 1, "钱") ? i + 2 : i + 1;
    if (one_of(v, i, "美港日欧韩") && one_of(v, i + 1, "元")) return i + 2;
    if (word_at(v, i, "美金") || word_at(v, i, "港币") || word_at(v, i, "英镑")) return i + 2;
    if (word_at(v, i, "人民币")) return i + 3;
    if (one_of(v, i, "刀")) return i + 1;
    for (int k = 0; codes[k] != NULL; k++)
        if (word_at(v, i, codes[k])) {
            const int64_t end = i + (int64_t)strlen(codes[k]);
            return in_class(v, end, CLASS_LETTER) ? -1 : end;
        }
    return -1;
}

static inline int64_t price(view_t *v, int64_t i) {
    static const char *const words[] = {"批发", "代理", "零售", "活动", "优惠", "秒杀", "团购", "到手", "拿货",
                                        "一口", "直播", "专柜", "会员", "拼团", "成本", "市场", NULL};
    int64_t best = -1, j = -1;
    if (one_of(v, i, "¥$€£₩")) {
        j = i + 1;
        for (int k = 0; k < 2 && at(v, j) == ' '; k++) j++;
        return times(v, number(v, j));
    }
    if (in_class(v, i, CLASS_LETTER)) {
        if (in_class(v, i - 1, CLASS_LETTER)) return -1;
        if (!word_at(v, i, "rmb") && !word_at(v, i, "cny") && !word_at(v, i, "usd") && !word_at(v, i, "hkd")) return -1;
        j = i + 3;
        for (int k = 0; k < 2 && one_of(v, j, " :"); k++) j++;
        return times(v, number(v, j));
    }
    if (in_class(v, i, CLASS_DIGIT)) {
        const int64_t end = alone(v, i) ? number(v, i) : -1;
        if (end >= 0) {
            j = skip_one(v, times(v, skip_one(v, end, " ")), "多余来");
            best = longer(best, money_unit(v, skip_one(v, j, " ")));
            j = skip_one(v, skip_one(v, end, "元"), " ");
            if (at(v, j) == '/') {
                j = skip_one(v, j + 1, " ");
                if (one_of(v, j, "件斤盒瓶个只条箱包袋套双张份支罐片粒组本台克对串桶提")) best = longer(best, j + 1);
            }
        }
        return best;
    }
    if (one_of(v, i, "原现特售单定底进") && one_of(v, i + 1, "价"))
        j = i + 2;
    else
        for (int k = j = -1; words[++k] != NULL;)
            if (word_at(v, i, words[k]) && one_of(v, i + 2, "价")) j = i + 3;
    if (j == i + 2 || j == i + 3) {
        for (int k = 0; k < 4 && one_of(v, j, " :为是仅只才需要¥"); k++) j++;
        j = times(v, number(v, j));
        if (j >= 0 && !one_of(v, j, "%‰折年月日天个件号点")) best = longer(best, j);
    }
    if (in_class(v, i, CLASS_HAN) && !in_class(v, i - 1, CLASS_HAN)) {
        j = run(v, i, CLASS_HAN, 8);
        if (word_at(v, j, "块钱")) best = longer(best, j + 2);
        if (one_of(v, j, "元") && !one_of(v, j + 1, "旦宵素件月气论化次二三里桥")) best = longer(best, j + 1);
    }
    return best;
}

static inline int64_t percent(view_t *v, int64_t i) {
    if (in_class(v, i, CLASS_DIGIT)) {
        if (!alone(v, i)) return -1;
        const int64_t end = skip_one(v, decimals(v, run(v, i, CLASS_DIGIT, 8)), " ");
        return one_of(v, end, "%‰") ? end + 1 : -1;
    }
    if (word_at(v, i, "百分百")) return i + 3;
    if (!word_at(v, i, "百分之")) return -1;
    int64_t j = i + 3;
    if (in_class(v, j, CLASS_DIGIT)) return decimals(v, run(v, j, CLASS_DIGIT, 8));
    if (!in_class(v, j, CLASS_HAN)) return -1;
    j = run(v, j, CLASS_HAN, 8);
    return one_of(v, j, "点") && in_class(v, j + 1, CLASS_HAN) ? run(v, j + 1, CLASS_HAN, 6) : j;
}

#endif
