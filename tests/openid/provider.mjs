// npm's oidc-provider as a realm: whoever gives a login and a password that are known is
// signed in. Its configuration is the JSON file that is named; "ready" on stdout follows.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const found = createRequire(config.modules + '/x.js').resolve('oidc-provider')
const { default: Provider } = await import(pathToFileURL(found))

const person = (sub) => config.people[sub]
const provider = new Provider(config.issuer, {
  clients: config.clients,
  jwks: config.jwks,
  cookies: { keys: ['for tests'] },
  pkce: { required: () => true },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'groups', 'realm_access'],
    email: ['email', 'email_verified'],
  },
  conformIdTokenClaims: config.claims_at_userinfo,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...person(sub) }) }),
  // consent is given
  async loadExistingGrant (ctx) {
    const { client, session } = ctx.oidc
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
    grant.addOIDCScope('openid profile email')
    grant.addResourceScope(config.audience, 'read')
    await grant.save()
    return grant
  },
  extraTokenClaims (_, token) {
    const about = token.accountId ? person(token.accountId) : config.services[token.clientId]
    return { ...about, typ: 'Bearer', azp: token.clientId }
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        ctx.body = `<!DOCTYPE html>${form}<button form="op.logoutForm" name="logout" value="yes">Out</button>`
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => ctx.oidc.client.grantTypes.includes('client_credentials') ||
        config.tokens_for_us
        ? config.audience
        : undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read', audience: config.audience, accessTokenFormat: 'jwt', accessTokenTTL: 300,
      }),
    },
  },
  interactions: { url: (_, interaction) => `${config.prefix}/interaction/${interaction.uid}` },
})
provider.proxy = true // plain text, and Secure cookies all the same

const PAGE = `<!DOCTYPE html><title>Provider</title><form method=post>
<input name=login autofocus><input name=password type=password><button>Sign in</button></form>`

const body = async (request) => {
  let text = ''
  for await (const part of request) text += part
  return new URLSearchParams(text)
}

async function interaction (request, response) {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html')
    return response.end(PAGE)
  }
  const said = await body(request)
  const login = said.get('login')
  if (config.passwords[login] === undefined || config.passwords[login] !== said.get('password')) {
    response.statusCode = 403
    return response.end('no')
  }
  const { prompt } = await provider.interactionDetails(request, response)
  if (prompt.name !== 'login') throw new Error(prompt.name)
  await provider.interactionFinished(request, response, { login: { accountId: login } })
}

const answer = provider.callback()
const serve = (request, response) => {
  const url = request.url
  if (!url.startsWith(config.prefix)) {
    response.statusCode = 404
    return response.end()
  }
  if (url.startsWith(`${config.prefix}/interaction/`)) {
    return interaction(request, response).catch((error) => {
      response.statusCode = 400
      response.end(String(error))
    })
  }
  request.originalUrl = url
  request.url = url.slice(config.prefix.length)
  return answer(request, response)
}
const server = config.cert
  ? createTlsServer({ cert: readFileSync(config.cert), key: readFileSync(config.key) }, serve)
  : createServer(serve)
server.listen(config.port, '127.0.0.1', () => console.log('ready'))
