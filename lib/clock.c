#include "central/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "central/json.h"

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define YEAR (365 * DAY)

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back. The year is counted from March, so
 * that the leap day is its last; 146097 days are 400 years. */
static int64_t days_from_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = years + era * 400 + (*month <= 2);
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* What is still to be read. */
struct scan {
    const char *at, *end;
};

static bool next_is(struct scan *s, char c)
{
    if (s->at < s->end && *s->at == c) {
        s->at++;
        return true;
    }
    return false;
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static bool some_blanks(struct scan *s)
{
    const char *from = s->at;

    skip_blanks(s);
    return s->at > from;
}

static bool number(struct scan *s, int min_digits, int max_digits, int64_t *out)
{
    int n = 0;

    *out = 0;
    while (n < max_digits && s->at < s->end && isdigit((unsigned char)*s->at)) {
        *out = *out * 10 + (*s->at++ - '0');
        n++;
    }
    return n >= min_digits;
}

/* A word of the list, in any case; with shortest, at least so many of its first letters. */
static bool word(struct scan *s, const char *const *words, int count, size_t shortest, int *out)
{
    size_t n = 0;

    while (s->at + n < s->end && isalpha((unsigned char)s->at[n]))
        n++;
    for (int i = 0; n && i < count; i++) {
        size_t len = strlen(words[i]);
        if ((n == len || (shortest && n >= shortest && n < len)) && strncasecmp(s->at, words[i], n) == 0) {
            s->at += n;
            *out = i;
            return true;
        }
    }
    return false;
}

struct fields {
    int64_t year, month, day, hour, minute, second, microseconds, offset; /* offset in seconds, east positive */
};

static bool fraction(struct scan *s, int64_t *microseconds)
{
    int digits = 0;

    *microseconds = 0;
    for (; s->at < s->end && isdigit((unsigned char)*s->at); s->at++, digits++)
        if (digits < 6)
            *microseconds = *microseconds * 10 + (*s->at - '0');
    for (int i = digits; i < 6; i++)
        *microseconds *= 10;
    return digits > 0;
}

/* hh:mm[:ss[.fraction]] */
static bool time_of_day(struct scan *s, struct fields *f)
{
    if (!number(s, 1, 2, &f->hour) || !next_is(s, ':') || !number(s, 2, 2, &f->minute))
        return false;
    if (!next_is(s, ':'))
        return true;
    if (!number(s, 2, 2, &f->second))
        return false;
    return !(next_is(s, '.') || next_is(s, ',')) || fraction(s, &f->microseconds);
}

/* +hh:mm, +hhmm, +hh */
static bool numeric_zone(struct scan *s, struct fields *f)
{
    int64_t hours, minutes = 0, sign = *s->at == '-' ? -1 : 1;

    s->at++;
    if (!number(s, 2, 2, &hours))
        return false;
    bool colon = next_is(s, ':');
    if (colon || (s->at < s->end && isdigit((unsigned char)*s->at))) {
        if (!number(s, 2, 2, &minutes))
            return false;
    }
    f->offset = sign * (hours * HOUR + minutes * MINUTE);
    return hours <= 23 && minutes <= 59;
}

/* RFC 822 names UTC and the zones of the contiguous states; feeds of the United States write the others alike. */
static bool named_zone(struct scan *s, struct fields *f)
{
    static const char *const names[] = {"GMT", "UTC",  "UT",   "EST", "EDT", "CST", "CDT", "MST",  "MDT", "PST",
                                        "PDT", "AKST", "AKDT", "HST", "HDT", "AST", "ADT", "CHST", "SST", "Z"};
    static const int hours[] = {0, 0, 0, -5, -4, -6, -5, -7, -6, -8, -7, -9, -8, -10, -9, -4, -3, 10, -11, 0};
    int i;

    if (!word(s, names, sizeof hours / sizeof *hours, 0, &i))
        return false;
    f->offset = hours[i] * HOUR;
    return true;
}

static bool zone(struct scan *s, struct fields *f)
{
    skip_blanks(s);
    if (s->at == s->end)
        return true;
    if (*s->at == '+' || *s->at == '-')
        return numeric_zone(s, f);
    return named_zone(s, f);
}

/* 2026-05-17[T20:08:00[.123]][zone] */
static bool iso(struct scan *s, struct fields *f)
{
    if (!number(s, 4, 4, &f->year) || !next_is(s, '-') || !number(s, 2, 2, &f->month) || !next_is(s, '-') ||
        !number(s, 2, 2, &f->day))
        return false;
    if (s->at == s->end)
        return true;
    if (!next_is(s, 'T') && !next_is(s, 't') && !next_is(s, ' '))
        return false;
    return time_of_day(s, f) && zone(s, f);
}

/* [Tue, ]5 May 2026 20:08[:00] [zone] */
static bool rfc822(struct scan *s, struct fields *f)
{
    static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                           "Friday", "Saturday", "Sunday"};
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    int i;

    if (word(s, weekdays, 7, 3, &i)) {
        next_is(s, ',');
        skip_blanks(s);
    }
    if (!number(s, 1, 2, &f->day))
        return false;
    if (!next_is(s, '-'))
        skip_blanks(s);
    if (!word(s, months, 12, 3, &i))
        return false;
    f->month = i + 1;
    if (!next_is(s, '-'))
        skip_blanks(s);
    const char *year = s->at;
    if (!number(s, 2, 4, &f->year))
        return false;
    if (s->at - year == 3)
        return false;
    if (s->at - year == 2)
        f->year += f->year < 70 ? 2000 : 1900;
    return s->at == s->end || (some_blanks(s) && time_of_day(s, f) && zone(s, f));
}

/* 1/31/2025[ 7:00:00 AM] */
static bool united_states(struct scan *s, struct fields *f)
{
    static const char *const halves[] = {"AM", "PM"};
    int half;

    if (!number(s, 1, 2, &f->month) || !next_is(s, '/') || !number(s, 1, 2, &f->day) || !next_is(s, '/') ||
        !number(s, 4, 4, &f->year))
        return false;
    if (s->at == s->end)
        return true;
    if (!some_blanks(s) || !time_of_day(s, f))
        return false;
    skip_blanks(s);
    if (word(s, halves, 2, 0, &half)) {
        if (f->hour < 1 || f->hour > 12)
            return false;
        f->hour = f->hour % 12 + 12 * half;
    }
    return zone(s, f);
}

static bool finish(const struct fields *f, int64_t *out)
{
    if (f->year < 1 || f->year > 9999 || f->month < 1 || f->month > 12 || f->day < 1 ||
        f->day > days_in_month(f->year, (int)f->month) || f->hour > 24 || f->minute > 59 || f->second > 60 ||
        (f->hour == 24 && (f->minute || f->second || f->microseconds)))
        return false;
    int64_t seconds = days_from_date(f->year, (int)f->month, (int)f->day) * DAY + f->hour * HOUR + f->minute * MINUTE +
                      f->second - f->offset;
    /* The zone, a leap second or 24:00 may lead out of the years there are. */
    if (seconds < days_from_date(1, 1, 1) * DAY || seconds >= days_from_date(10000, 1, 1) * DAY)
        return false;
    *out = seconds * CLOCK_SECOND + (f->second == 60 ? 0 : f->microseconds);
    return true;
}

bool clock_parse(const char *text, size_t len, int64_t *out)
{
    static bool (*const forms[])(struct scan *, struct fields *) = {iso, rfc822, united_states};
    struct scan whole = {text, text + len};

    skip_blanks(&whole);
    while (whole.end > whole.at && isspace((unsigned char)whole.end[-1]))
        whole.end--;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct scan s = whole;
        struct fields f = {0};
        if (forms[i](&s, &f) && s.at == s.end)
            return finish(&f, out);
    }
    return false;
}

/* Two digits at to. */
static char *two(char *to, int64_t n)
{
    to[0] = (char)('0' + n / 10);
    to[1] = (char)('0' + n % 10);
    return to + 2;
}

void clock_put(struct buf *out, int64_t time, enum clock_form form)
{
    int64_t seconds = time / CLOCK_SECOND, micro = time % CLOCK_SECOND, year;
    int month, day;

    if (micro < 0) {
        micro += CLOCK_SECOND;
        seconds--;
    }
    int64_t days = seconds / DAY, rest = seconds % DAY;
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    date_from_days(days, &year, &month, &day);
    /* -YYYY-MM-DDThh:mm:ss.uuuuuu+00:00; years beyond four digits only come from numbers nobody checked. */
    char *start = buf_reserve(out, 64), *to = start;
    if (year < 0 || year > 9999) {
        out->len += (size_t)snprintf(to, 24, "%lld", (long long)year);
        start = to = buf_reserve(out, 64);
    } else {
        to = two(two(to, year / 100), year % 100);
    }
    *to++ = '-';
    to = two(to, month);
    *to++ = '-';
    to = two(to, day);
    *to++ = 'T';
    to = two(to, rest / HOUR);
    *to++ = ':';
    to = two(to, rest / MINUTE % 60);
    *to++ = ':';
    to = two(to, rest % 60);
    if (micro) {
        *to++ = '.';
        to = two(two(two(to, micro / 10000), micro / 100 % 100), micro % 100);
    }
    out->len += (size_t)(to - start);
    buf_add_text(out, form == CLOCK_Z ? "Z" : "+00:00");
}

void clock_put_member(struct buf *out, const char *name, bool there, int64_t time)
{
    struct buf text = {0};

    if (there)
        clock_put(&text, time, CLOCK_Z);
    json_put_member_text(out, name, there ? buf_text(&text) : NULL);
    buf_free(&text);
}

void clock_put_age(struct buf *out, int64_t microseconds)
{
    int64_t s = microseconds / CLOCK_SECOND;

    if (s < 0) {
        buf_add_char(out, '-');
        s = -s;
    }
    if (s < 2 * MINUTE)
        buf_add_format(out, "%llds", (long long)s);
    else if (s < 2 * HOUR)
        buf_add_format(out, "%lldm", (long long)(s / MINUTE));
    else if (s < 2 * DAY)
        buf_add_format(out, "%lldh", (long long)(s / HOUR));
    else
        buf_add_format(out, "%lldd", (long long)(s / DAY));
}

bool clock_parse_since(const char *text, int64_t now, int64_t *out)
{
    int64_t seconds;

    if (strcmp(text, "now") == 0) {
        *out = now;
        return true;
    }
    if (duration_parse(text, strlen(text), &seconds)) {
        *out = now - seconds * CLOCK_SECOND;
        return true;
    }
    return clock_parse(text, strlen(text), out);
}

/* A sum of NUMBER UNIT parts with the units of a table. A number without unit counts one of the first and stands alone:
 * whoever writes 1h30 does not mean half a minute. */
struct unit {
    const char *name;
    int64_t factor;
};

/* Of any length, as long as it fits: a size may have nineteen digits. */
static bool integer(struct scan *s, int64_t *out)
{
    const char *from = s->at;

    for (*out = 0; s->at < s->end && isdigit((unsigned char)*s->at); s->at++)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, *s->at - '0', out))
            return false;
    return s->at > from;
}

static bool sum_parse(const char *text, size_t len, const struct unit *units, size_t count, bool several, int64_t *out)
{
    struct scan s = {text, text + len};
    int64_t total = 0, n, part;
    size_t parts = 0;

    if (len == 0)
        return false;
    for (; s.at < s.end; parts++) {
        if ((parts && !several) || !(several ? number(&s, 1, 18, &n) : integer(&s, &n)))
            return false;
        bool alone = parts == 0 && s.at == s.end;
        size_t name = 0, i = 0;
        while (s.at + name < s.end && isalpha((unsigned char)s.at[name]))
            name++;
        while (i < count && !(strlen(units[i].name) == name && strncmp(units[i].name, s.at, name) == 0))
            i++;
        if (i == count || (name == 0 && !alone) || __builtin_mul_overflow(n, units[i].factor, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        s.at += name;
    }
    *out = total;
    return true;
}

bool duration_parse(const char *text, size_t len, int64_t *seconds)
{
    static const struct unit units[] = {{"", 1},     {"s", 1},   {"m", MINUTE}, {"min", MINUTE},
                                        {"h", HOUR}, {"d", DAY}, {"w", WEEK},   {"y", YEAR}};
    int64_t n;

    /* Microseconds of it must fit as well, and a point in time that far away. */
    if (!sum_parse(text, len, units, sizeof units / sizeof *units, true, &n) || n > 1000 * YEAR)
        return false;
    *seconds = n;
    return true;
}

bool size_parse(const char *text, size_t len, int64_t *bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"B", 1},
                                        {"KiB", INT64_C(1) << 10},
                                        {"MiB", INT64_C(1) << 20},
                                        {"GiB", INT64_C(1) << 30},
                                        {"TiB", INT64_C(1) << 40},
                                        {"kB", 1000},
                                        {"MB", 1000000},
                                        {"GB", 1000000000},
                                        {"TB", INT64_C(1000000000000)}};

    return sum_parse(text, len, units, sizeof units / sizeof *units, false, bytes);
}

static void put_largest(struct buf *out, int64_t n, const struct unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (n && n % units[i].factor == 0) {
            buf_add_format(out, "%lld%s", (long long)(n / units[i].factor), units[i].name);
            return;
        }
    buf_add_format(out, "%lld%s", (long long)n, units[count - 1].name);
}

void duration_put(struct buf *out, int64_t seconds)
{
    static const struct unit units[] = {{"y", YEAR}, {"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", 1}};

    put_largest(out, seconds, units, sizeof units / sizeof *units);
}

void size_put(struct buf *out, int64_t bytes)
{
    static const struct unit units[] = {{"TiB", INT64_C(1) << 40},
                                        {"GiB", INT64_C(1) << 30},
                                        {"MiB", INT64_C(1) << 20},
                                        {"KiB", INT64_C(1) << 10},
                                        {"", 1}};

    put_largest(out, bytes, units, sizeof units / sizeof *units);
}
