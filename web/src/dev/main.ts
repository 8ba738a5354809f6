import '../pages/page.css';
import '../pages/script-fonts.ts';
import './dev-app.ts';
