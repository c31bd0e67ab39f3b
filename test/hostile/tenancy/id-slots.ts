/**
 * Every place of the API where an id may stand, read from the OpenAPI document: path, query, header, and each field of a
 * body, however deep. A field of a body counts when its name says that it holds an id; a query parameter when it is free text.
 */
export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly needsKey: boolean;
  readonly hasBody: boolean;
  /** `path.id`, `query.after`, `header.Idempotency-Key`, `body.input[].item_reference.id`. */
  readonly slots: readonly string[];
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema?: Schema;
}

export interface OpenApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly security?: readonly object[];
            readonly parameters?: readonly Parameter[];
            readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
          }
        >
      >
    >
  >;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** `id`, `file_id`, `headTurnId`, `vector_store_ids`; and the names of references that do not end like this. */
const HOLDS_ID = /^ids?$|_ids?$|[a-z]Ids?$|^(conversation|principal|after|before|parent|user|key|link|token|call)$/;
/** A schema that contains itself ends here; bodies of ours are not this deep. */
const MAX_DEPTH = 12;

export function operationsOf(document: OpenApiDocument): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const parameters = operation.parameters ?? [];
      const schema = operation.requestBody?.content['application/json']?.schema;
      const named = parameters.filter((each) => each.in !== 'query' || mayBeText(document, each.schema ?? {}));
      return {
        operationId: operation.operationId,
        method: method.toUpperCase(),
        path,
        needsKey: (operation.security ?? []).length > 0,
        hasBody: operation.requestBody !== undefined,
        slots: [
          ...named.map((each) => `${each.in}.${each.name}`),
          ...(schema === undefined ? [] : [...new Set(bodySlots(document, schema, 'body', 0))]),
        ],
      };
    }),
  );
}

function resolve(document: OpenApiDocument, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (document.components?.schemas?.[name] ?? {});
}

function bodySlots(document: OpenApiDocument, given: Schema, at: string, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  const schema = resolve(document, given);
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const inBranches = branches.flatMap((branch) => {
    const kind = kindOf(resolve(document, branch));
    return bodySlots(document, branch, kind === null ? at : `${at}.${kind}`, depth + 1);
  });
  const inItems = schema.items === undefined ? [] : bodySlots(document, schema.items, `${at}[]`, depth + 1);
  const inFields = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const place = `${at}.${name}`;
    const own = HOLDS_ID.test(name) && mayBeText(document, field) ? [place] : [];
    return [...own, ...bodySlots(document, field, place, depth + 1)];
  });
  return [...inBranches, ...inItems, ...inFields];
}

/** The name of a branch of a union: its `type`, or its `role`. */
function kindOf({ properties }: Schema): string | null {
  for (const field of [properties?.['type'], properties?.['role']]) {
    if (typeof field?.const === 'string') return field.const;
    if (field?.enum !== undefined) return field.enum.map(String).join('|');
  }
  return null;
}

function mayBeText(document: OpenApiDocument, given: Schema): boolean {
  const schema = resolve(document, given);
  if (schema.enum !== undefined || schema.const !== undefined) return false;
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const inner = [
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.items === undefined ? [] : [schema.items]),
  ];
  return types.includes('string') || inner.some((branch) => mayBeText(document, branch));
}
