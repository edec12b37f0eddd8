// A real OpenID provider for the tests: `oidc-provider` from npm, with keys that change when they are told to.
//
//     node oidc.mjs FOLDER-WITH-NODE_MODULES PORT SIDE-PORT GATEWAY-URL ACCESS-SECONDS
//
// On the side port: POST /rotate (new keys sign, the old ones stay published), POST /dismiss (nobody has an account any
// more), GET /asked (how often which endpoint was asked).
import { createServer } from 'node:http';
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port, sidePort, gateway, accessSeconds] = process.argv.slice(2);
const library = join(folder, 'node_modules', 'oidc-provider', 'lib', 'index.js');
const { default: Provider } = await import(pathToFileURL(library).href);
const issuer = `http://127.0.0.1:${port}`;

function key(kind, options, alg) {
  // by way of PEM: Node now and then hangs when it exports a key that it has just generated
  const publicKeyEncoding = { type: 'spki', format: 'pem' };
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const { privateKey } = generateKeyPairSync(kind, { ...options, publicKeyEncoding, privateKeyEncoding });
  const jwk = createPrivateKey(privateKey).export({ format: 'jwk' });
  return { ...jwk, kid: randomUUID(), use: 'sig', alg };
}

const fresh = () => [
  key('rsa', { modulusLength: 2048 }, 'RS256'),
  key('ec', { namedCurve: 'P-256' }, 'ES256'),
  key('ed25519', {}, 'EdDSA'),
];

let accounts = { ann: { roles: ['editor'], tenant: 'acme' }, bob: { roles: [], tenant: 'other' } };

const resource = (audience, accessTokenFormat, alg) => ({
  scope: 'read write',
  audience,
  accessTokenTTL: Number(accessSeconds),
  accessTokenFormat,
  ...(alg && { jwt: { sign: { alg } } }),
});
const resources = {
  'https://shop.test/es256': resource('shop', 'jwt', 'ES256'),
  'https://shop.test/rs256': resource('shop', 'jwt', 'RS256'),
  'https://shop.test/eddsa': resource('shop', 'jwt', 'EdDSA'),
  'https://till.test/': resource('till', 'jwt', 'ES256'),
  'https://vault.test/': resource('vault', 'opaque'),
};

function configuration(keys) {
  return {
    jwks: { keys },
    clients: [
      {
        client_id: 'seaworthy',
        client_secret: 'the secret of the gateway: +/&=%',
        redirect_uris: [`${gateway}/.seaworthy/login/staff/callback`],
        post_logout_redirect_uris: [`${gateway}/bye`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
      {
        client_id: 'robot',
        client_secret: 'the secret of the robot',
        redirect_uris: [],
        grant_types: ['client_credentials'],
        response_types: [],
        scope: 'read write',
      },
    ],
    scopes: ['openid', 'offline_access', 'read', 'write'],
    claims: { openid: ['sub', 'roles', 'tenant'] },
    // roles belong into the ID token here, as with most providers that companies run
    conformIdTokenClaims: false,
    findAccount: (_, id) =>
      accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
    cookies: { keys: ['a key of this provider'] },
    ttl: {
      AccessToken: Number(accessSeconds),
      ClientCredentials: Number(accessSeconds),
      IdToken: 3600,
      RefreshToken: 3600,
      Session: 3600,
      Grant: 3600,
      Interaction: 600,
    },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // nobody is asked for consent: the gateway is the company's own
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid offline_access read write');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_, indicator) => {
          if (!resources[indicator]) throw new Error('no such resource');
          return resources[indicator];
        },
        useGrantedResource: () => true,
      },
    },
  };
}

let keys = fresh();
let provider;
let answer;
const asked = {};

// the stored grants, sessions and codes belong to the process, so a provider made anew knows all of them
function make() {
  provider = new Provider(issuer, configuration(keys));
  provider.on('server_error', (_, error) => console.error(error));
  answer = provider.callback();
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html');
    response.end(`<form method=post>${details.prompt.name}<input name=login></form>`);
    return;
  }
  const accountId = (await body(request)).get('login');
  const result = accountId
    ? { login: { accountId } }
    : { error: 'access_denied', error_description: 'nobody wanted to log in' };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

function serve(request, response) {
  const path = new URL(request.url, issuer).pathname;
  asked[path] = (asked[path] ?? 0) + 1;
  if (!path.startsWith('/interaction/')) return answer(request, response);
  return interact(request, response).catch((error) => {
    response.statusCode = 400;
    response.end(String(error));
  });
}

function order(request, response) {
  if (request.url === '/rotate') {
    keys = [...fresh(), ...keys];
    make();
  } else if (request.url === '/dismiss') {
    accounts = {};
  }
  response.end(JSON.stringify(asked));
}

const listen = (server, at) => new Promise((resolve) => server.listen(at, '127.0.0.1', resolve));
make();
await listen(createServer(serve), Number(port));
await listen(createServer(order), Number(sidePort));
console.log('ready');
