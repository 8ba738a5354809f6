import './page.css';
import { SeatcastClient } from '../sdk/index.ts';
import { useClient, followPage } from '../elements/internal/shared-client.ts';
import '../elements/index.ts';
import './app.ts';

const client = new SeatcastClient({ url: location.origin, storage: localStorage });
useClient(client);
followPage(client);
