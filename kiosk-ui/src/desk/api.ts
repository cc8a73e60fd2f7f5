// Every request of the desk and the operator page goes through here. A failure
// is always one of two: the gateway answered and said no (ApiError), or there
// was no answer (OfflineError). Nothing else is thrown.

/** The gateway answered with a status of 400 or more. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What the log repeats; only on 5xx. */
    readonly requestId = '',
    /** Seconds until another try makes sense; 0 when the gateway does not say. */
    readonly retryAfterSeconds = 0,
    /** Which rule a value breaks, such as why a password is weak. */
    readonly reason = '',
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

/** No answer: no network, the gateway is away, or it took longer than the limit. */
export class OfflineError extends Error {
  constructor(readonly reason: 'network' | 'timeout') {
    super(reason)
    this.name = 'OfflineError'
  }
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export interface ApiOptions {
  fetch: typeof fetch
  /** Milliseconds after which a request counts as unanswered. */
  timeoutMs?: number
  /**
   * Called when a request comes back 401: the session is over. It resolves to true once
   * somebody may try again as the same person: the request, which the gateway
   * did not carry out, is then sent once more.
   */
  onExpired?: () => Promise<boolean>
}

export interface Api {
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
  patch<T>(path: string, body: unknown): Promise<T>
  delete<T>(path: string): Promise<T>
  /** Sends a file as it is; it may take minutes. */
  upload<T>(path: string, file: Blob): Promise<T>
}

const DEFAULT_TIMEOUT_MS = 15_000

/** The gateway reads a file for ten minutes at most, and a dry run two. */
const UPLOAD_TIMEOUT_MS = 630_000
const SLOW: Readonly<Record<string, number>> = { '/api/v1/followup/dry-run': 150_000 }

/** A wrong password answers 401 too: that is no expired session. */
const SESSION_PATH = '/api/v1/session'
const PASSWORD_PATH = '/api/v1/session/password'

export function createApi(options: ApiOptions): Api {
  const once = async (method: Method, path: string, body: unknown): Promise<unknown> => {
    const response = await send(options, method, path, body)
    if (response.ok) return read(response)
    throw await failure(response)
  }
  const request = async (method: Method, path: string, body?: unknown): Promise<unknown> => {
    try {
      return await once(method, path, body)
    } catch (error) {
      if (!isExpired(error, path) || !options.onExpired) throw error
      if (!(await options.onExpired())) throw error
      return once(method, path, body)
    }
  }
  return {
    get: <T>(path: string) => request('GET', path) as Promise<T>,
    post: <T>(path: string, body?: unknown) => request('POST', path, body ?? {}) as Promise<T>,
    patch: <T>(path: string, body: unknown) => request('PATCH', path, body) as Promise<T>,
    delete: <T>(path: string) => request('DELETE', path) as Promise<T>,
    upload: <T>(path: string, file: Blob) => request('POST', path, file) as Promise<T>,
  }
}

function isExpired(error: unknown, path: string): boolean {
  if (!(error instanceof ApiError) || error.status !== 401 || path === SESSION_PATH) return false
  return path !== PASSWORD_PATH || error.code === 'not_signed_in'
}

async function send(options: ApiOptions, method: Method, path: string, body: unknown): Promise<Response> {
  const abort = new AbortController()
  const usual = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const timer = setTimeout(() => abort.abort(), body instanceof Blob ? UPLOAD_TIMEOUT_MS : (SLOW[path] ?? usual))
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    headers: { Accept: 'application/json' },
    signal: abort.signal,
  }
  if (body instanceof Blob) {
    init.body = body
    init.headers = { ...init.headers, 'Content-Type': 'text/csv' }
  } else if (body !== undefined) {
    init.body = JSON.stringify(body)
    init.headers = { ...init.headers, 'Content-Type': 'application/json' }
  }
  try {
    return await options.fetch(path, init)
  } catch {
    throw new OfflineError(abort.signal.aborted ? 'timeout' : 'network')
  } finally {
    clearTimeout(timer)
  }
}

async function read(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  try {
    return await response.json()
  } catch {
    throw new ApiError(response.status, 'unreadable', 'the answer is not JSON')
  }
}

async function failure(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {}
  try {
    body = (await response.json()) as Record<string, unknown>
  } catch {
    // A proxy's page instead of the gateway's answer: the status has to do.
  }
  const text = (key: string) => (typeof body[key] === 'string' ? (body[key] as string) : '')
  const header = Number(response.headers.get('Retry-After') ?? 0)
  const wait = typeof body.retry_after_seconds === 'number' ? body.retry_after_seconds : header
  return new ApiError(
    response.status,
    text('code') || `http_${response.status}`,
    text('message'),
    text('request_id'),
    wait || 0,
    text('reason'),
  )
}

/** A list wrapped as `{name: [...]}`; an absent or null list is an empty one. */
export function listOf<T>(answer: unknown, name: string): T[] {
  const list = (answer as Record<string, unknown> | undefined)?.[name]
  return Array.isArray(list) ? (list as T[]) : []
}
