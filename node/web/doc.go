// Package web makes the web pages of a node: what a person sees of the chain, its
// records and the cases on it, in HTML, without JavaScript too. The API mounts them
// for all paths that are not its own.
//
// # Main types
//
//   - Pages is the handler of all pages. [New] makes it from the parts of a node.
//   - request is what the function of a page gets; view is what it returns.
//   - language holds the texts of a language and writes numbers, times and amounts.
//   - keyPart, idPart, timePart, state and others are the parts of pages that recur.
//     Each has a template of its own in templates/parts.html.
//
// # How to add a page
//
//  1. Write page_NAME.go with a function of the type [page], and add its pattern to
//     the table routes in web.go. It asks r.query, which answers as of the height of
//     ?at=, and returns a view, or an error of package query, which becomes an error
//     page with the status that the API has for it.
//  2. Write templates/NAME.html. It defines the template "body", whose data is
//     view.Body. Layout, menu, as-of bar and head come from the view.
//  3. Put every text into locale/en.json and locale/zh.json under one key, and show
//     it with {{t "key" "name" value}} or r.t("key", "name", value). A text is plain;
//     {name} stands for a value, and {name|one|many} for a word that follows a
//     number. Values are escaped unless they are template.HTML. A test fails for a
//     key that is missing, unused, or has other values in the other language. A key
//     that is put together must begin with a prefix in quotes: "error." + name.
//  4. Build recurring parts with the methods of request: r.key, r.id, r.time, r.link.
//     They keep ?at=H in links. Charts are functions in charts.go that get numbers
//     only. Text of users never becomes template.HTML.
//  5. For a live page set view.Live to the query of /v1/events. When an event comes,
//     stele.js reads the page again, at most once a second, and replaces the elements
//     that have an id and the attribute data-live. In data-live="list", elements with
//     data-row=NAME are rows: the list waits behind a button while the reader is in
//     it, and new rows fade in.
//  6. Name the route of the API with the same content in view.API.
//  7. Add the page to the table of browser_test.go, which looks at every page in a
//     browser: texts, layout, accessibility, both languages.
//
// # Caveats
//
// Pages are not cached. A page that reads several things can span a new block; the
// height in its bar is the one before. What the node does not keep, a page says in
// words; it shows no zero for it.
//
// The Content-Security-Policy allows no inline script and no inline style: neither
// style attributes nor event handlers work. Package html/template takes an attribute such
// as data-one for a handler, as onclick is one, and quotes its value as JavaScript: no name
// after data- may begin with "on".
package web
