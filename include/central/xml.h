/* xml.h - XML as JSON (expat underneath).
 *
 * The root element is an object; so is every element that has attributes or children:
 *
 *     {"#name": "item", "@attr": {NAME: "value"}, "#text": "character data", "title": [...], "gdacs:bbox": [...]}
 *
 * Each child's name, with the prefix as written, is a member that holds an array of all children of that name in order,
 * one or many, so that a shape never changes with a count. A child without attributes and children is its text, a plain
 * string.
 * "#name" stands in the root alone; "@attr" and "#text" are left out when empty; text between children that is blank
 * does not count. In jq: .channel[0].item[] | .title[0]; text("title") of central.jq does the rest. */
#ifndef CENTRAL_XML_H
#define CENTRAL_XML_H

#include <stdbool.h>
#include <stddef.h>
#include "central/buf.h"
#include "central/error.h"

#define XML_DEPTH_MAX 100
#define XML_ELEMENTS_MAX 5000000

/* Appends the JSON text. charset is what the content type named (NULL: the document's own declaration counts, else
 * UTF-8). No entities but XML's own five and characters by number: a document that declares any, or defaults
 * of attributes, is refused, nothing external is ever loaded. CENTRAL_REJECTED with the line. */
bool xml_to_json(const char *text, size_t len, const char *charset, struct buf *out, struct error *e);
/* The encoding that the document declares, as it stands there; NULL without. The caller frees. */
char *xml_encoding(const char *text, size_t len);

#endif
