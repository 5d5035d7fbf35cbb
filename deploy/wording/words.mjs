/**
 * Words and phrases that do not belong in this project, each with the wording to use instead. A pattern matches whole
 * words, ignoring case; identifiers are split into words first (`isTold` and `is_told` read "is told").
 */
export const WORDS = [
  ['un ?told|told', 'reported, stated, distinguished'],
  ['unsaid', 'not reported'],
  [
    '(is|was|are|were|be|been|last|not|never|nothing|who|whoever|once|un ?)heard|heard (of|from)|hears?',
    'received, reported',
  ],
  ['(for|by|without|as|gives?|asks?|no) leave', 'permission'],
  ['tak(e|es|en|ing) [a-z]+ for|took [a-z]+ for', 'treats ... as'],
  ['for ?ever', 'permanently, without a limit'],
  ['rooms?', 'module'],
  ['doors?', 'entry point'],
  ['whatever|whoever', 'any, every, whether or not'],
  ['(is|are|was|were|exists?) no more|any more|no more$', 'no longer, deleted'],
  ['anew|afresh', 'again'],
  ['of (ours|theirs|yours|mine)', 'our, their, your, my'],
  ["(nobody|anybody|somebody|everybody)'s", 'no one, of any user'],
  ['mend(s|ed|ing)?', 'fix, repair'],
  ['insist(s|ed|ing)?', 'retry, require'],
  ['complain(s|ed|ing|t)?', 'write to stderr, report'],
  ['carr(y|ies|ied) out', 'apply, perform'],
  ['hold(s)? off', 'delay, reject'],
  ['dress(es|ed)?', 'apply options'],
  ['faces?', 'options, interface'],
  ['belie(f|ve|ves|ved)', 'cached, trusted, assumed'],
  [
    'lest|whence|thence|hence ?forth|till|nought|naught|nay|ere|thereof|therein|wherein|whereupon|withal|unto|seldom',
    'plain words',
  ],
  ['besides', 'in addition'],
  ['likewise', 'also, in the same way'],
  ['twins?', 'counterpart'],
  ['strangers?', 'outsider, unknown'],
  ['guilty', 'poison (message)'],
  ['to be had', 'available'],
  ['stead', 'instead'],
  ['in (its|their) own right', 'separate'],
  ['come(s)? to nothing|came to nothing', 'fails, has no effect'],
  ['by heart|with a heart', 'plain words'],
  ['burdens?', 'load'],
  ['falls? silent', 'stops reporting'],
];

/** Legitimate uses: patterns removed from a line before it is checked. */
export const ALLOWED = [
  // The key of the guard's ledger on disk.
  /json:"guilty"|"guilty":null/g,
  // Names inside the SQL of a board.
  /\), told AS|JOIN told ON|\btold\.(runtime|scan|finding|occurrence)/g,
  // Former names of policy modes and options, which remain accepted.
  /\bmended: 'exact'|`safe`, `mended` and `stock`|policy Mode\('mended'\)|'--mend'|repair, mend|mend \?\?|mend\?: true/g,
  // A value in the store.
  /['"`]not told( \(body\))?['"`]/g,
  /type ?faces?|font-face|inter ?faces?|sur ?faces?/gi,
  /redaction[.-]rivals/g,
  /head ?room|white ?house|click ?house/gi,
  /take(s|n)? (effect|part|place) for|take(s|n)? (time|long|seconds|minutes|turns|care|effect|hours) for/gi,
];

/** Files that are not checked: data, generated files, foreign code, and this list itself. */
export const EXCLUDED =
  /(^|\/)(generated|testdata|repos)\/|^schemas\/clickhouse\/schema\/|^deploy\/wording\/words\.mjs$|^LICENSE$|^collector\/LICENCES\.md$|^exporters\/real-agents\/MATRIX\.md$/;

/** Folders and files that are not clean yet. The list only shrinks. */
export const NOT_YET = ['schemas/redaction-', 'schemas/redaction.', 'schemas/testing/redaction-'];
