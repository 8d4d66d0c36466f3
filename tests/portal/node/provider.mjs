// A real OpenID provider for the tests: listens on loopback, knows the accounts it is given, believes every password.
// Settings come as JSON in SETTINGS: port, secret, redirect, accounts (name -> claims), thin (claims by userinfo only).
import Provider from 'oidc-provider';

const { port, secret, redirect, accounts, thin } = JSON.parse(process.env.SETTINGS);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: 'schakel', client_secret: secret, redirect_uris: [redirect], grant_types: ['authorization_code'], response_types: ['code'] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
  conformIdTokenClaims: thin,
  cookies: { keys: ['only for tests'] },
  features: { devInteractions: { enabled: true } },
  findAccount: async (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, ...accounts[id] }) }),
  pkce: { required: () => true },
});
provider.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'));
