import { type Html, html } from './html.ts'

/** What of an OpenAPI document the page shows; everything else in it is left alone. */
interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
  readonly parameters?: readonly {
    readonly name?: string
    readonly in?: string
    readonly required?: boolean
    readonly description?: string
    readonly schema?: unknown
  }[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> }
  readonly responses?: Readonly<
    Record<
      string,
      { readonly description?: string; readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> }
    >
  >
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** The operations of an OpenAPI document as one static page: no script, nothing loaded. */
export function docsPage(document: unknown): Html {
  const paths = Object.entries(
    (document as { readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>> }).paths ?? {},
  )
  const operations = paths.flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] === undefined ? [] : [{ path, method, operation: item[method] }])),
  )
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'other'))].toSorted()
  return html`<p>The same for programs: <a href="/openapi.json">/openapi.json</a>. Errors are problem details (RFC 9457).</p>
${tags.map(
  (tag) => html`<h2>${tag}</h2>
${operations.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag).map(({ path, method, operation }) => section(method, path, operation))}`,
)}`
}

function section(method: string, path: string, operation: Operation): Html {
  const { parameters = [], responses = {} } = operation
  return html`<details id="${method}-${path}"><summary><code>${method.toUpperCase()} ${path}</code> ${operation.summary}</summary>
${operation.description !== undefined && html`<p>${operation.description}</p>`}
${operation.security !== undefined && html`<p>Needs one of <code>api.credentials</code>, where any is configured.</p>`}
${
  parameters.length > 0 &&
  html`<table><tr><th>Parameter</th><th>In</th><th>What</th></tr>${parameters.map(
    (one) =>
      html`<tr><td><code>${one.name}</code>${one.required === true && html` (required)`}</td><td>${one.in}</td><td>${one.description ?? describe(one.schema)}</td></tr>`,
  )}</table>`
}
${Object.entries(operation.requestBody?.content ?? {}).map(([type, { schema }]) => html`<p>Body, <code>${type}</code>:</p><pre>${JSON.stringify(schema, null, 2)}</pre>`)}
<table><tr><th>Answer</th><th>What</th></tr>${Object.entries(responses).map(
    ([status, { description, content }]) =>
      html`<tr><td>${status}</td><td>${description} <small>${Object.keys(content ?? {}).join(', ')}</small></td></tr>`,
  )}</table>
</details>
`
}

function describe(schema: unknown): string {
  return schema === undefined ? '' : JSON.stringify(schema)
}
