import '../pages/page.css';
import './dev-app.ts';
