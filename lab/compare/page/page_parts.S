/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the page is made of, each as bytes between two symbols. The build names the paths. */
    .section .rodata
.macro part name, path
    .global heirlock_\name
heirlock_\name:
    .incbin "\path"
    .global heirlock_\name\()_end
heirlock_\name\()_end:
.endm
    part page_html, PAGE_HTML
    part page_css, PAGE_CSS
    part page_js, PAGE_JS
    part chart_js, CHART_JS
    .section .note.GNU-stack, "", %progbits
