/** A row of the engine's `system.functions`. */
export interface EngineFunction {
  readonly name: string;
  readonly isAggregate: boolean;
  /** What it is another name of, or empty. */
  readonly aliasTo: string;
  /** `String`, `Other`, ...; empty for aggregates. */
  readonly category: string;
}

/** Of this engine: what rules about a reader's statement need. Names of functions in lower case. */
export interface ReaderCatalog {
  /** The database that a reader reads. */
  readonly database: string;
  /** What a reader may call. */
  readonly functions: ReadonlySet<string>;
  /** Those of them that take a combinator, and the combinators. */
  readonly aggregates: ReadonlySet<string>;
  readonly combinators: readonly string[];
  /** What a reader may not call: every other function and table function of this engine. */
  readonly deniedFunctions: ReadonlySet<string>;
  readonly deniedTableFunctions: ReadonlySet<string>;
  /** Names of the engine's settings, to tell an unknown one from a forbidden one. */
  readonly settings: ReadonlySet<string>;
}

/** Compute on their arguments alone. The other categories read files, models and dictionaries, call out, or show the process. */
const CATEGORIES = new Set([
  'Arithmetic',
  'Arrays',
  'Bit',
  'Bitmap',
  'Comparison',
  'Conditional',
  'Dates and Times',
  'Distance',
  'Encoding',
  'Encryption',
  'Financial',
  'Geo',
  'Geo Polygon',
  'Hash',
  'IP Address',
  'JSON',
  'Logical',
  'Map',
  'Mathematical',
  'Null',
  'NumericIndexedVector',
  'QBit',
  'Random Number',
  'Rounding',
  'String',
  'String Replacement',
  'String Search',
  'String Splitting',
  'Time Series',
  'Time Window',
  'Tuple',
  'Type Conversion',
  'URL',
  'UUID',
]);

/** Of the category `Other`, and of `Internal` what the parser itself writes. */
const OTHERS = new Set([
  '_CAST',
  'authenticatedUser',
  'bar',
  'blockNumber',
  'blockSerializedSize',
  'blockSize',
  'byteSize',
  'caseWithExpression',
  'colorOKLABToSRGB',
  'colorOKLCHToSRGB',
  'colorSRGBToOKLAB',
  'colorSRGBToOKLCH',
  'connectionId',
  'countDigits',
  'currentDatabase',
  'currentProfiles',
  'currentQueryID',
  'currentRoles',
  'currentSchemas',
  'currentUser',
  'defaultProfiles',
  'defaultRoles',
  'defaultValueOfArgumentType',
  'defaultValueOfTypeName',
  'digits',
  'displayName',
  'dumpColumnStructure',
  'enabledProfiles',
  'enabledRoles',
  'errorCodeToName',
  'finalizeAggregation',
  'flipCoordinates',
  'formatQuery',
  'formatQueryOrNull',
  'formatQuerySingleLine',
  'formatQuerySingleLineOrNull',
  'formatReadableDecimalSize',
  'formatReadableQuantity',
  'formatReadableSize',
  'formatReadableTimeDelta',
  'getSetting',
  'getSettingOrDefault',
  'getSizeOfEnumType',
  'getSubcolumn',
  'getTypeSerializationStreams',
  'globalVariable',
  'highlightQuery',
  'icebergBucket',
  'icebergTruncate',
  'identity',
  'ignore',
  'indexHint',
  'initialQueryID',
  'initialQueryStartTime',
  'initializeAggregation',
  'isConstant',
  'isDecimalOverflow',
  'lowCardinalityIndices',
  'lowCardinalityKeys',
  'MACNumToString',
  'MACStringToNum',
  'MACStringToOUI',
  'materialize',
  'minSampleSizeContinuous',
  'minSampleSizeConversion',
  'neighbor',
  'normalizeQuery',
  'normalizeQueryKeepNames',
  'normalizedQueryHash',
  'normalizedQueryHashKeepNames',
  'obfuscateQuery',
  'obfuscateQueryWithSeed',
  'parseReadableSize',
  'parseReadableSizeOrNull',
  'parseReadableSizeOrZero',
  'parseTimeDelta',
  'partitionId',
  'queryID',
  'revision',
  'rowNumberInAllBlocks',
  'rowNumberInBlock',
  'runningAccumulate',
  'runningDifference',
  'runningDifferenceStartingWithFirstValue',
  'shardCount',
  'shardNum',
  'structureToCapnProtoSchema',
  'structureToProtobufSchema',
  'throwIf',
  'toColumnTypeName',
  'toTypeName',
  'tokenizeQuery',
  'transform',
  'uptime',
  'variantElement',
  'variantType',
  'version',
  'visibleWidth',
]);

/** Shows the process's own code. */
const DENIED_AGGREGATES = new Set(['flameGraph']);

/** What the parser makes of syntax, and `system.functions` does not list. */
const SYNTAX = ['lambda', 'exists', 'grouping', 'untuple'];

/** Make rows out of nothing, or out of the statement's own text. */
const TABLE_FUNCTIONS = new Set([
  'numbers',
  'numbers_mt',
  'zeros',
  'zeros_mt',
  'values',
  'sqlstandardvalues',
  'generateseries',
  'generate_series',
  'null',
  'view',
  'format',
  'primes',
]);

/** Whether a reader may call the table function of that name, in lower case. */
export function isReaderTableFunction(name: string): boolean {
  return TABLE_FUNCTIONS.has(name);
}

/** What a new engine tells of itself. */
export interface EngineNames {
  readonly functions: readonly EngineFunction[];
  readonly combinators: readonly string[];
  readonly tableFunctions: readonly string[];
  readonly settings: readonly string[];
}

/** An allow-list: a function that a newer engine brings is refused until somebody has looked at it. */
export function readerCatalog(database: string, engine: EngineNames): ReaderCatalog {
  const isHarmless = ({ name, isAggregate, category }: EngineFunction): boolean =>
    isAggregate ? !DENIED_AGGREGATES.has(name) : CATEGORIES.has(category) || OTHERS.has(name);
  const harmless = new Set(
    engine.functions.filter((each) => each.aliasTo === '' && isHarmless(each)).map(({ name }) => name),
  );
  const isAllowed = ({ name, aliasTo }: EngineFunction): boolean => harmless.has(name) || harmless.has(aliasTo);
  const lower = (functions: readonly EngineFunction[]): string[] => functions.map(({ name }) => name.toLowerCase());
  const allowed = engine.functions.filter(isAllowed);
  const denied = new Set(lower(engine.functions.filter((each) => !isAllowed(each))));
  return {
    database,
    functions: new Set([...lower(allowed).filter((name) => !denied.has(name)), ...SYNTAX]),
    aggregates: new Set(lower(allowed.filter(({ isAggregate }) => isAggregate))),
    combinators: engine.combinators.map((each) => each.toLowerCase()),
    deniedFunctions: denied,
    deniedTableFunctions: new Set(
      engine.tableFunctions.map((each) => each.toLowerCase()).filter((each) => !TABLE_FUNCTIONS.has(each)),
    ),
    settings: new Set(engine.settings),
  };
}

/** Whether a reader may call the function of that name, in lower case; combinators included (`sumIf`, `uniqArrayMerge`). */
export function isReaderFunction(name: string, catalog: ReaderCatalog): boolean {
  return catalog.functions.has(name) || isCombined(name, catalog);
}

function isCombined(name: string, catalog: ReaderCatalog): boolean {
  return catalog.combinators.some((suffix) => {
    if (!name.endsWith(suffix)) return false;
    const rest = name.slice(0, -suffix.length);
    return catalog.aggregates.has(rest) || isCombined(rest, catalog);
  });
}
