/* geo.h: centroids, boxes, repair, regions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "central/crossings.h"
#include "central/geo.h"

static struct json parsed(const char *text)
{
    struct json v = {0};

    assert_true(json_check(text, strlen(text), &v, NULL));
    return v;
}

static void near(double got, double want)
{
    if (fabs(got - want) > 1e-9)
        fail_msg("%.12g is not %.12g", got, want);
}

struct expectation {
    const char *geometry;
    double mean[2], area[2], box[4];
};

static const struct expectation shapes[] = {
    {"{\"type\":\"Point\",\"coordinates\":[1.5,-2.5,10]}", {1.5, -2.5}, {1.5, -2.5}, {1.5, -2.5, 1.5, -2.5}},
    {"{\"type\":\"LineString\",\"coordinates\":[[0,0],[4,0],[4,2]]}",
     {8.0 / 3, 2.0 / 3},
     {8.0 / 3, 1.0 / 3},
     {0, 0, 4, 2}},
    /* Closing vertex included in the mean (contract nws). */
    {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,2],[0,2],[0,0]]]}", {1.6, 0.8}, {2, 1}, {0, 0, 4, 2}},
    /* A ring that is not closed is closed; the mean is of what was sent. */
    {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,2],[0,2]]]}", {2, 1}, {2, 1}, {0, 0, 4, 2}},
    /* A hole weighs against. */
    {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[0,0],[2,0],[2,4],[0,4],[0,0]]]}",
     {1.2, 1.6},
     {3, 2},
     {0, 0, 4, 4}},
    /* A later ring outside of the first is a polygon of its own. */
    {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[2,2],[0,2],[0,0]],[[10,0],[12,0],[12,2],[10,2],[10,0]]]}",
     {5.8, 0.8},
     {6, 1},
     {0, 0, 12, 2}},
    /* A bow tie is repaired. */
    {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,2],[2,0],[0,2],[0,0]]]}", {0.8, 0.8}, {1, 1}, {0, 0, 2, 2}},
    /* Without an area: by length. */
    {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[0,0],[0,0]]]}", {0.5, 0}, {1, 0}, {0, 0, 2, 0}},
    {"{\"type\":\"MultiPoint\",\"coordinates\":[[0,0],[2,4]]}", {1, 2}, {1, 2}, {0, 0, 2, 4}},
    /* Cut at the antimeridian: the centroid by area lies at the cut, not on the other side of the Earth. */
    {"{\"type\":\"MultiPolygon\",\"coordinates\":[[[[179,0],[180,0],[180,2],[179,2],[179,0]]],"
     "[[[-180,0],[-179,0],[-179,2],[-180,2],[-180,0]]]]}",
     {-0.1, 0.8},
     {180, 1},
     {-180, 0, 180, 2}},
    {"{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[0,0]},"
     "{\"type\":\"Point\",\"coordinates\":[2,2]}]}",
     {1, 1},
     {1, 1},
     {0, 0, 2, 2}},
};

static void computes(void **state)
{
    struct geo *g = geo_open();

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct error e = {0};
        double lon, lat, box[4];
        struct geo_shape *s = geo_read(g, parsed(shapes[i].geometry), &e);
        if (!s)
            fail_msg("%s: %s", shapes[i].geometry, e.text);
        assert_true(geo_centroid(g, s, GEO_VERTEX_MEAN, &lon, &lat));
        near(lon, shapes[i].mean[0]);
        near(lat, shapes[i].mean[1]);
        assert_true(geo_centroid(g, s, GEO_AREA, &lon, &lat));
        near(lon, shapes[i].area[0]);
        near(lat, shapes[i].area[1]);
        assert_true(geo_bbox(g, s, box));
        for (int k = 0; k < 4; k++)
            near(box[k], shapes[i].box[k]);
        geo_shape_free(g, s);
    }
    geo_close(g);
}

static void refuses(void **state)
{
    static const char *const bad[] = {
        "{\"type\":\"Point\"}",
        "{\"type\":\"Point\",\"coordinates\":[]}",
        "{\"type\":\"Point\",\"coordinates\":[1]}",
        "{\"type\":\"Point\",\"coordinates\":[\"1\",\"2\"]}",
        "{\"type\":\"Point\",\"coordinates\":[1,91]}",
        "{\"type\":\"Point\",\"coordinates\":[361,1]}",
        "{\"type\":\"Point\",\"coordinates\":[1e400,1]}",
        "{\"type\":\"Polygon\",\"coordinates\":[]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[]]}",
        "{\"type\":\"Polygon\",\"coordinates\":[[1,2]]}",
        "{\"type\":\"Polygon\",\"coordinates\":{}}",
        "{\"type\":\"Circle\",\"coordinates\":[1,2]}",
        "{\"coordinates\":[1,2]}",
        "[]",
        "7",
    };
    struct geo *g = geo_open();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        struct geo_shape *s = geo_read(g, parsed(bad[i]), &e);
        if (s)
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(e.status, CENTRAL_REJECTED);
        assert_non_null(e.text);
        error_free(&e);
        assert_null(geo_read(g, parsed(bad[i]), NULL));
    }
    struct error e = {0};
    assert_null(geo_read(g, parsed("null"), &e));
    assert_null(e.text);
    geo_close(g);
}

static bool inside(struct geo *g, const char *region, const char *geometry)
{
    struct error e = {0};
    struct geo_shape *r = NULL, *s = geo_read(g, parsed(geometry), NULL);

    if (!geo_region(g, parsed(region), &r, &e))
        fail_msg("%s: %s", region, e.text);
    /* Twice: the second time with a prepared region. */
    bool in = geo_intersects(g, s, r);
    assert_int_equal(geo_intersects(g, s, r), in);
    assert_int_equal(geo_intersects(g, s, r), in);
    geo_shape_free(g, r);
    geo_shape_free(g, s);
    return in;
}

#define POINT(x, y) "{\"type\":\"Point\",\"coordinates\":[" #x "," #y "]}"

static void knows_regions(void **state)
{
    static const char box[] = "{\"north\":10,\"south\":0,\"east\":10,\"west\":0}";
    static const char two[] = "[{\"north\":10,\"south\":0,\"east\":10,\"west\":0},"
                              "{\"north\":10,\"south\":0,\"east\":180,\"west\":170}]";
    static const char triangle[] =
        "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[0,10],[0,0]]]}}";
    struct geo *g = geo_open();

    (void)state;
    assert_true(inside(g, box, POINT(5, 5)));
    assert_true(inside(g, box, POINT(10, 10))); /* edges included */
    assert_false(inside(g, box, POINT(10.0001, 5)));
    assert_true(inside(g, two, POINT(175, 5)));
    assert_false(inside(g, two, POINT(100, 5)));
    assert_true(inside(g, triangle, POINT(2, 2)));
    assert_false(inside(g, triangle, POINT(9, 9)));
    assert_true(inside(g, box, "{\"type\":\"LineString\",\"coordinates\":[[-5,5],[15,5]]}"));
    assert_false(inside(g, triangle, "{\"type\":\"LineString\",\"coordinates\":[[6,6],[9,9]]}"));
    struct geo_shape *r;
    assert_true(geo_region(g, parsed("null"), &r, NULL));
    assert_null(r);
    geo_close(g);
}

static void refuses_regions(void **state)
{
    static const char *const bad[] = {
        "{\"north\":0,\"south\":10,\"east\":10,\"west\":0}",
        "{\"north\":10,\"south\":10,\"east\":10,\"west\":0}",
        "{\"north\":91,\"south\":0,\"east\":10,\"west\":0}",
        "{\"north\":10,\"south\":0,\"east\":0,\"west\":10}",
        "{\"north\":10,\"south\":0,\"east\":181,\"west\":0}",
        "{\"north\":10,\"south\":0,\"east\":10}",
        "{\"north\":\"10\",\"south\":0,\"east\":10,\"west\":0}",
        "[]",
        "{}",
        "5",
        "{\"type\":\"Feature\"}",
    };
    struct geo *g = geo_open();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        struct geo_shape *r = NULL;
        if (geo_region(g, parsed(bad[i]), &r, &e))
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(e.status, CENTRAL_CONFIG);
        assert_null(r);
        error_free(&e);
    }
    geo_close(g);
}

static void counts_crossings(void **state)
{
    static const struct {
        double one[4], other[4];
        bool meet;
    } pairs[] = {
        {{0, 0, 2, 2}, {0, 2, 2, 0}, true},
        {{0, 0, 2, 2}, {2, 2, 0, 4}, false}, /* a common end */
        {{0, 0, 2, 0}, {1, 0, 1, 5}, true},
        {{0, 0, 2, 0}, {1, 0, 3, 0}, true}, /* touching, along each other */
        {{0, 0, 2, 0}, {0, 1, 2, 1}, false},
        {{0, 0, 2, 0}, {0, 0, 1, 0}, true},
        {{1, 0, 1, 2}, {1, 1, 1, 3}, true},
        {{0, 0, 2, 2}, {1, 1, 3, 3}, true},
        /* One goes on where the other ends, as the sides of squares do. */
        {{0, 0, 2, 0}, {2, 0, 4, 0}, false},
        {{1, 0, 1, 2}, {1, 2, 1, 3}, false},
        {{0, 0, 1, 1}, {1, 1, 3, 3}, false},
        {{1, 1, 1, 1}, {1, 1, 3, 3}, false},
        {{0, 0, 1, 1}, {5, 5, 6, 0}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const double *a = pairs[i].one, *b = pairs[i].other;
        struct segment s[] = {segment_of(b[2], b[3], b[0], b[1]), segment_of(a[0], a[1], a[2], a[3])};
        assert_int_equal(crossings_at_most(s, 2, 0), !pairs[i].meet);
        assert_true(crossings_at_most(s, 2, 1));
    }
    assert_true(crossings_at_most(NULL, 0, 0));
}

static void writes_ewkb(void **state)
{
    static const unsigned char point[] = {1, 1, 0,    0,    0x20, 0xe6, 0x10, 0, 0, 0, 0, 0,   0,
                                          0, 0, 0xf0, 0x3f, 0,    0,    0,    0, 0, 0, 0, 0x40};
    struct geo *g = geo_open();
    struct buf out = {0};
    struct geo_shape *s = geo_point(g, 1, 2);

    (void)state;
    assert_true(geo_put_ewkb(g, s, &out));
    assert_int_equal(out.len, sizeof point);
    assert_memory_equal(out.data, point, sizeof point);
    geo_shape_free(g, s);
    buf_clear(&out);
    s = geo_read(g, parsed("{\"type\":\"LineString\",\"coordinates\":[[0,0],[1,1]]}"), NULL);
    assert_true(geo_put_ewkb(g, s, &out));
    assert_memory_equal(out.data, "\1\2\0\0\x20\xe6\x10\0\0\2\0\0\0", 13);
    assert_false(geo_put_ewkb(g, NULL, &out));
    geo_shape_free(g, s);
    buf_free(&out);
    geo_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes),        cmocka_unit_test(refuses),          cmocka_unit_test(knows_regions),
        cmocka_unit_test(refuses_regions), cmocka_unit_test(counts_crossings), cmocka_unit_test(writes_ewkb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
